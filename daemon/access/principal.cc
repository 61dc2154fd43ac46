#include "access/principal.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>

#include "config/problems.h"

namespace stillframe {
namespace {

constexpr std::array<std::string_view, 4> kPrefixes = {"spiffe://", "dns:", "user:", "group:"};

bool Fits(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

}  // namespace

bool Principal::Matches(const std::string& pattern) const {
  return Fits(pattern, name) || std::any_of(aliases.begin(), aliases.end(), [&](const auto& alias) {
           return Fits(pattern, alias);
         });
}

absl::Status CheckPrincipalPattern(std::string_view pattern) {
  if (pattern == "anonymous") return absl::OkStatus();
  for (const std::string_view prefix : kPrefixes) {
    if (pattern.starts_with(prefix) && pattern.size() > prefix.size()) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" is no principal: write spiffe://DOMAIN/PATH, dns:NAME, user:NAME, "
                  "group:NAME or anonymous",
                  Printable(pattern)));
}

}  // namespace stillframe
