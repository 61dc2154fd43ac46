#include "render/hex_dump.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace stillframe::cli {

void HexDump::Add(std::span<const std::byte> bytes, std::string& out) {
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), kLineBytes - filled_);
    std::copy_n(bytes.begin(), count, line_.begin() + static_cast<std::ptrdiff_t>(filled_));
    filled_ += count;
    bytes = bytes.subspan(count);
    if (filled_ < kLineBytes) return;
    if (previous_ == line_) {
      if (!squeezing_) out += "*\n";
      squeezing_ = true;
    } else {
      AddLine(out);
      previous_ = line_;
      squeezing_ = false;
    }
    address_ += kLineBytes;
    filled_ = 0;
  }
}

void HexDump::Finish(std::string& out) {
  if (filled_ > 0) AddLine(out);
  fmt::format_to(std::back_inserter(out), "{:012x}\n", address_ + filled_);
}

void HexDump::AddLine(std::string& out) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "{:012x} ", address_);
  for (std::size_t i = 0; i < kLineBytes; ++i) {
    if (i % 8 == 0) out += ' ';
    if (i < filled_) {
      fmt::format_to(to, "{:02x} ", static_cast<unsigned>(line_[i]));
    } else {
      out += "   ";
    }
  }
  out += " |";
  for (std::size_t i = 0; i < filled_; ++i) {
    const char c = static_cast<char>(line_[i]);
    out += c >= 0x20 && c < 0x7f ? c : '.';
  }
  out += "|\n";
}

}  // namespace stillframe::cli
