#include "access/rights.h"

namespace stillframe {

std::string_view NameOf(Right right) { return kRightNames[static_cast<std::size_t>(right)]; }

std::optional<Right> ParseRight(std::string_view name) {
  for (std::size_t i = 0; i < kRightNames.size(); ++i) {
    if (kRightNames[i] == name) return static_cast<Right>(i);
  }
  return std::nullopt;
}

std::vector<std::string_view> Rights::Names() const {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < kRightNames.size(); ++i) {
    if (Has(static_cast<Right>(i))) names.push_back(kRightNames[i]);
  }
  return names;
}

}  // namespace stillframe
