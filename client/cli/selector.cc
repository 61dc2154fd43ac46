#include "selector.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>
#include <system_error>

#include "base/status.h"

namespace stillframe::cli {
namespace {

bool ParseDigits(std::string_view digits, int base, std::uint64_t& value) {
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  return !digits.empty() && error == std::errc() && end == digits.data() + digits.size();
}

bool ParseUnsigned(std::string_view text, std::uint64_t& value) {
  if (text.starts_with("0x") || text.starts_with("0X")) {
    return ParseDigits(text.substr(2), 16, value);
  }
  return ParseDigits(text, 10, value);
}

unsigned ShiftOf(std::string_view& text) {
  for (const std::string_view tail : {"iB", "ib"}) {
    if (text.size() > tail.size() + 1 && text.ends_with(tail)) {
      text.remove_suffix(tail.size());
      break;
    }
  }
  if (text.empty() || text.starts_with("0x") || text.starts_with("0X")) return 0;
  unsigned shift = 0;
  switch (text.back()) {
    case 'k':
    case 'K':
      shift = 10;
      break;
    case 'm':
    case 'M':
      shift = 20;
      break;
    case 'g':
    case 'G':
      shift = 30;
      break;
    default:
      return 0;
  }
  text.remove_suffix(1);
  return shift;
}

}  // namespace

absl::StatusOr<SnapshotName> ParseSnapshotName(const std::string& text) {
  const auto at = text.rfind('@');
  SnapshotName name{text.substr(0, at), 0};
  if (name.guest.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("guest \"{}\": expected a name or UUID, or one followed by @GENERATION", text));
  }
  if (at != std::string::npos) {
    SF_ASSIGN_OR_RETURN(name.generation, ParseGeneration(text.substr(at + 1)));
  }
  return name;
}

absl::StatusOr<std::uint64_t> ParseGeneration(const std::string& text) {
  if (text == "latest") return std::uint64_t{0};
  std::uint64_t value = 0;
  if (ParseDigits(text, 10, value) && value > 0) return value;
  return absl::InvalidArgumentError(
      fmt::format("generation \"{}\": expected a number from 1 on, or latest", text));
}

absl::StatusOr<std::uint64_t> ParseAddress(const std::string& text) {
  std::uint64_t value = 0;
  if (ParseUnsigned(text, value)) return value;
  return absl::InvalidArgumentError(
      fmt::format("address \"{}\": expected 0x hexadecimal or decimal", text));
}

absl::StatusOr<std::uint64_t> ParseSize(const std::string& text) {
  std::string_view digits = text;
  const unsigned shift = ShiftOf(digits);
  std::uint64_t value = 0;
  const bool parsed = shift == 0 ? ParseUnsigned(text, value) : ParseDigits(digits, 10, value);
  if (parsed && value <= (~std::uint64_t{0} >> shift)) return value << shift;
  return absl::InvalidArgumentError(
      fmt::format("length \"{}\": expected bytes such as 4096, 0x1000, 64K, 1M or 2G", text));
}

}  // namespace stillframe::cli
