// Pages of list calls (AIP-158).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace stillframe {

// Entries of a page: 0 asks for the default of 1000, which is the most too. INVALID_ARGUMENT:
// negative.
absl::StatusOr<std::size_t> PageSizeOf(std::int32_t requested);

// A token that names the last entry told: opaque to callers, and never trusted when it comes back.
std::string MakePageToken(std::string_view first, std::string_view second);

// What MakePageToken was given. INVALID_ARGUMENT: not one of our tokens.
absl::StatusOr<std::pair<std::string, std::string>> ParsePageToken(std::string_view token);

}  // namespace stillframe
