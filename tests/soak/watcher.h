// A watcher of a soak: follows all guests and notices what it was not told.
//
// A function for a thread of its own.
#pragma once

#include <stop_token>
#include <string>

#include "soak/tally.h"

namespace stillframe::soak {

enum class Duty {
  kFollow,  // checks that generations follow each other without a silent gap
  kCount,   // also counts captures and pauses: one watcher of a soak does
};

void RunWatcher(const std::string& target, Duty duty, Tally& tally, std::stop_token stop);

}  // namespace stillframe::soak
