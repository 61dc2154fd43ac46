#include "plan/change_windows.h"

#include <algorithm>
#include <iterator>

namespace stillframe::cli {
namespace {

double PagesOf(const std::vector<GfnRange>& ranges) {
  std::uint64_t pages = 0;
  for (const GfnRange& range : ranges) pages += range.pages;
  return static_cast<double>(pages);
}

}  // namespace

std::vector<GfnRange> Union(const std::vector<GfnRange>& a, const std::vector<GfnRange>& b) {
  std::vector<GfnRange> all;
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all),
             [](const GfnRange& x, const GfnRange& y) { return x.first < y.first; });
  std::vector<GfnRange> joined;
  for (const GfnRange& range : all) {
    if (joined.empty() || joined.back().end() < range.first) {
      joined.push_back(range);
      continue;
    }
    GfnRange& last = joined.back();
    last.pages = std::max(last.end(), range.end()).value - last.first.value;
  }
  return joined;
}

void ChangeWindows::Add(double seconds, const std::vector<GfnRange>& changed) {
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    Window& window = windows_[i];
    window.seconds += seconds;
    window.changed = Union(window.changed, changed);
    if (++window.generations < std::size_t{1} << i) continue;
    samples_.push_back({window.seconds, PagesOf(window.changed)});
    window = {};
  }
}

void ChangeWindows::Break() { windows_ = {}; }

}  // namespace stillframe::cli
