// Checks one value from a file against its key and stores it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "config/schema.h"

namespace stillframe {

// A value of a kind that no key takes.
struct Unusable {
  std::string_view what;
};

using RawValue = std::variant<Unusable, bool, std::int64_t, std::string, std::vector<std::string>>;

// Sets the key's field. INVALID_ARGUMENT says what was found and what is accepted; the field is
// then untouched.
absl::Status SetField(const Key& key, const RawValue& raw);

}  // namespace stillframe
