#include "guest/qemu/flat_view.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace stillframe {
namespace {

constexpr std::size_t kRangesMax = 4096;
constexpr std::size_t kHexDigits = 16;

std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::optional<std::uint64_t> TakeHex(std::string_view& text) {
  if (text.size() < kHexDigits) return std::nullopt;
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + kHexDigits, value, 16);
  if (read.ec != std::errc() || read.ptr != text.data() + kHexDigits) return std::nullopt;
  text.remove_prefix(kHexDigits);
  return value;
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// "  0000000000100000-000000007fffffff (prio 0, ram): ram @0000000000100000"
std::optional<FlatRange> ParseRange(std::string_view line) {
  FlatRange range;
  if (!TakePrefix(line, "  ")) return std::nullopt;
  const auto first = TakeHex(line);
  if (!first || !TakePrefix(line, "-")) return std::nullopt;
  const auto last = TakeHex(line);
  if (!last || !TakePrefix(line, " (prio ") || *last < *first) return std::nullopt;
  range.first = *first;
  range.last = *last;

  const std::size_t comma = line.find(", ");
  const std::size_t close = line.find("): ");
  if (close == std::string_view::npos || comma > close) return std::nullopt;
  const std::string_view kind = line.substr(comma + 2, close - comma - 2);
  range.kind = kind == "ram" ? FlatKind::kRam : kind == "rom" ? FlatKind::kRom : FlatKind::kDevice;

  std::string_view name = line.substr(close + 3);
  // QEMU ends the line with the accelerator's name where KVM or HVF hold the range.
  if (const std::size_t accelerator = name.rfind(" KVM");
      accelerator != std::string_view::npos && accelerator + 4 == name.size()) {
    name.remove_suffix(4);
  }
  if (const std::size_t at = name.rfind(" @"); at != std::string_view::npos) {
    std::string_view digits = name.substr(at + 2);
    if (const auto offset = TakeHex(digits); offset && digits.empty()) {
      range.offset = *offset;
      name = name.substr(0, at);
    }
  }
  range.block = std::string(name);
  return range;
}

}  // namespace

absl::StatusOr<std::vector<FlatRange>> ParseSystemFlatView(std::string_view mtree) {
  std::vector<FlatRange> ranges;
  bool wanted = false;
  while (!mtree.empty()) {
    const std::string_view line = TakeLine(mtree);
    if (line.starts_with("FlatView #")) {
      if (wanted) break;
    } else if (line == " AS \"memory\", root: system") {
      wanted = true;
    } else if (wanted && line.starts_with("  0")) {
      std::optional<FlatRange> range = ParseRange(line);
      if (!range) {
        return absl::DataLossError(fmt::format("QEMU's memory tree: unknown line '{:.120}'", line));
      }
      if (!ranges.empty() && range->first <= ranges.back().last) {
        return absl::DataLossError(
            fmt::format("QEMU's memory tree: ranges overlap at {:#x}", range->first));
      }
      if (ranges.size() == kRangesMax) {
        return absl::DataLossError(
            fmt::format("QEMU's memory tree has more than {} ranges", kRangesMax));
      }
      ranges.push_back(*std::move(range));
    }
  }
  if (ranges.empty()) {
    return absl::DataLossError("QEMU's memory tree has no view of the system's memory");
  }
  return ranges;
}

}  // namespace stillframe
