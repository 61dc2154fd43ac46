// How configuration files name guests.
#pragma once

#include <string>
#include <string_view>

namespace stillframe {

// `pattern` is a UUID, a name, or a name with * ? [...]. A UUID names by identity alone, however
// guests are called.
bool GuestPatternMatches(const std::string& pattern, std::string_view name, std::string_view uuid);

}  // namespace stillframe
