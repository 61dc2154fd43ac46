#include "config/problems.h"

#include <fmt/format.h>

namespace stillframe {
namespace {

constexpr std::size_t kPrintableMax = 200;

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= kPrintableMax) return out + "...";
    if (c >= 0x20 && c < 0x7f) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

void Problems::Add(std::uint32_t line, std::string_view key, std::string_view what) {
  std::string text = fmt::format("{}:{}: ", file_name_, line);
  if (!key.empty()) text += fmt::format("{}: ", Printable(key));
  text += what;
  by_line_.emplace(line, std::move(text));
}

absl::Status Problems::First() const {
  if (by_line_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(by_line_.begin()->second);
}

}  // namespace stillframe
