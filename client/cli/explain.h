// Errors as one line for a person: what, where and what to do.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "stillframe/v1/guest.pb.h"

namespace stillframe::cli {

// Without a line break or control characters, whatever the status holds.
std::string Explain(const absl::Status& status);

// What to say about a guest that does not exist: names like it, or all there are (a few).
std::string SuggestGuests(const std::string& wanted, const std::vector<v1::Guest>& guests);

}  // namespace stillframe::cli
