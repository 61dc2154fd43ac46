#include "explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/reason.h"
#include "base/status.h"
#include "render/text.h"

namespace stillframe::cli {
namespace {

constexpr std::size_t kSuggestionsMax = 5;
constexpr std::size_t kNameBytesMax = 64;

// Levenshtein distance; both strings are short.
std::size_t Distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

bool IsNear(const std::string& wanted, const v1::Guest& guest) {
  const std::string& name = guest.name();
  if (wanted.empty() || wanted.size() > kNameBytesMax || name.size() > kNameBytesMax) return false;
  return name.starts_with(wanted) || wanted.starts_with(name) || guest.uuid().starts_with(wanted) ||
         Distance(wanted, name) <= 1 + wanted.size() / 4;
}

std::string Join(const std::vector<std::string>& names) {
  std::string joined;
  for (std::size_t i = 0; i < names.size() && i < kSuggestionsMax; ++i) {
    joined += (i == 0 ? "" : ", ") + names[i];
  }
  if (names.size() > kSuggestionsMax) {
    joined += fmt::format(" and {} more", names.size() - kSuggestionsMax);
  }
  return joined;
}

}  // namespace

std::string Explain(const absl::Status& status) {
  const Reason reason = ReasonOf(status);
  std::string line = Printable(MessageOf(status));
  if (reason.name == "GENERATION_EVICTED") {
    const auto oldest = reason.metadata.find("oldest_generation");
    if (oldest != reason.metadata.end() && line.find("oldest") == std::string::npos) {
      line += fmt::format("; the oldest still there is {}", Printable(oldest->second));
    }
  } else if (reason.name == "DAEMON_UNAVAILABLE") {
    line += "; is stillframed running?";
  } else if (reason.name == "NO_SNAPSHOT_YET") {
    line += "; take one: stillframe snapshot GUEST";
  }
  if (!line.empty()) return line;
  return absl::StatusCodeToString(status.code());
}

std::string SuggestGuests(const std::string& wanted, const std::vector<v1::Guest>& guests) {
  if (guests.empty()) return "there are no guests";
  std::vector<std::string> near;
  std::vector<std::string> all;
  for (const v1::Guest& guest : guests) {
    all.push_back(Printable(guest.name()));
    if (IsNear(wanted, guest)) near.push_back(all.back());
  }
  return near.empty() ? "the guests are: " + Join(all) : "did you mean " + Join(near) + "?";
}

}  // namespace stillframe::cli
