// Shorthands around absl::Status; this project's code throws nothing.
//
// A message names the attempt, the subject and the cause:
//   "map 256 pages at gfn 0x1f00 of guest web1: Operation not permitted".
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stillframe {

// The status of a failed system call: `errno_value` mapped to its canonical code, the message
// being "<attempt>: <strerror>".
absl::Status ErrnoStatus(int errno_value, std::string_view attempt);

// `status` with "<prefix>: " before its message; code and payloads stay.
absl::Status Annotate(const absl::Status& status, std::string_view prefix);

// The message as a std::string (Debian's absl::string_view is not std::string_view).
inline std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

}  // namespace stillframe

#define SF_STATUS_CONCAT_INNER(a, b) a##b
#define SF_STATUS_CONCAT(a, b) SF_STATUS_CONCAT_INNER(a, b)

// Leaves the function with the status unless it is OK.
#define SF_RETURN_IF_ERROR(expr)                            \
  do {                                                      \
    if (absl::Status sf_status = (expr); !sf_status.ok()) { \
      return sf_status;                                     \
    }                                                       \
  } while (false)

// SF_ASSIGN_OR_RETURN(auto value, Compute()): the value, or leaves with the status.
#define SF_ASSIGN_OR_RETURN(lhs, expr) \
  SF_ASSIGN_OR_RETURN_INNER(SF_STATUS_CONCAT(sf_status_or_, __LINE__), lhs, expr)
#define SF_ASSIGN_OR_RETURN_INNER(name, lhs, expr) \
  auto name = (expr);                              \
  if (!name.ok()) return std::move(name).status(); \
  lhs = *std::move(name)
