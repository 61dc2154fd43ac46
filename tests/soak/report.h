// The end of a soak: a table for people or JSON, and the verdict.
//
// Functions; pure.
#pragma once

#include <string>
#include <vector>

#include "soak/soak.h"

namespace stillframe::soak {

// Why the soak failed; empty: it passed.
std::vector<std::string> Failures(const Result& result, const Tally& tally);

std::string Table(const Options& options, const Result& result, const Tally& tally);
std::string Json(const Options& options, const Result& result, const Tally& tally);

}  // namespace stillframe::soak
