#include "introspect/torn_pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/status.h"

namespace stillframe {
namespace {

std::uint64_t Load(std::span<const std::byte, kPageBytes> page, std::size_t offset) {
  std::uint64_t value;
  std::memcpy(&value, page.data() + offset, sizeof value);
  return value;
}

TornVerdict Torn(TornVerdict verdict, std::string reason) {
  verdict.reason = std::move(reason);
  return verdict;
}

}  // namespace

bool IsStamped(std::span<const std::byte, kPageBytes> page) {
  return std::memcmp(page.data(), kTornPageMagic.data(), kTornPageMagic.size()) == 0;
}

absl::Status TornPages::Add(std::span<const std::byte, kPageBytes> page) {
  if (!IsStamped(page)) return absl::OkStatus();
  if (stamps_.size() == kTornPagesMax) {
    return absl::OutOfRangeError(
        fmt::format("check stamped pages: more than {} claim to be stamped", kTornPagesMax));
  }
  stamps_.push_back(
      {Load(page, kTornIndexOffset), Load(page, kTornHeadOffset), Load(page, kTornTailOffset)});
  return absl::OkStatus();
}

TornVerdict TornPages::Judge(std::uint64_t expected) const {
  TornVerdict verdict;
  verdict.pages = stamps_.size();
  if (expected == 0) expected = stamps_.size();
  if (stamps_.empty()) return Torn(verdict, "no stamped page found: the workload does not run");

  std::vector<Stamp> stamps = stamps_;
  std::sort(stamps.begin(), stamps.end(),
            [](const Stamp& a, const Stamp& b) { return a.index < b.index; });
  for (std::size_t i = 0; i < stamps.size(); ++i) {
    if (stamps[i].index == i) continue;
    return Torn(verdict, stamps[i].index < i ? fmt::format("page {} occurs twice", stamps[i].index)
                                             : fmt::format("page {} is missing", i));
  }
  if (stamps.size() != expected) {
    return Torn(verdict, fmt::format("{} stamped pages instead of {}", stamps.size(), expected));
  }

  const std::uint64_t k = stamps[0].head;
  verdict.sequence = k;
  verdict.next_page = stamps.size();
  std::uint64_t lagging_tails = 0;
  for (std::size_t i = 0; i < stamps.size(); ++i) {
    const Stamp& stamp = stamps[i];
    if (stamp.head != k && stamp.head != k - 1) {
      return Torn(verdict, fmt::format("page {}: sequence {}, page 0 has {}", i, stamp.head, k));
    }
    if (i > 0 && stamp.head > stamps[i - 1].head) {
      return Torn(verdict, fmt::format("page {}: sequence rises from {} to {}", i,
                                       stamps[i - 1].head, stamp.head));
    }
    if (stamp.head != k) verdict.next_page = std::min<std::uint64_t>(verdict.next_page, i);
    if (stamp.tail == stamp.head) continue;
    if (stamp.tail != stamp.head - 1 || ++lagging_tails > 1) {
      return Torn(verdict, fmt::format("page {}: head {}, tail {}", i, stamp.head, stamp.tail));
    }
  }
  // Only the page stamped last may lag.
  for (std::size_t i = 0; lagging_tails != 0 && i < stamps.size(); ++i) {
    if (stamps[i].tail != stamps[i].head && i + 1 != verdict.next_page) {
      return Torn(verdict, fmt::format("page {}: its tail lags, but page {} was stamped last", i,
                                       verdict.next_page - 1));
    }
  }
  verdict.consistent = true;
  return verdict;
}

absl::StatusOr<TornVerdict> CheckTornPages(const PageSource& source, std::uint64_t expected) {
  TornPages pages;
  SF_RETURN_IF_ERROR(
      source([&pages](std::span<const std::byte, kPageBytes> page) { return pages.Add(page); }));
  return pages.Judge(expected);
}

}  // namespace stillframe
