#include "config/guest_pattern.h"

#include <fnmatch.h>

#include "base/uuid.h"

namespace stillframe {

bool GuestPatternMatches(const std::string& pattern, std::string_view name, std::string_view uuid) {
  if (const auto wanted = Uuid::Parse(pattern)) return Uuid::Parse(uuid) == wanted;
  return fnmatch(pattern.c_str(), std::string(name).c_str(), 0) == 0;
}

}  // namespace stillframe
