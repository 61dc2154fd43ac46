// Bytes as hexdump -C shows them, addresses being guest-physical.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace stillframe::cli {

class HexDump {
 public:
  explicit HexDump(std::uint64_t address) : address_(address) {}

  // Lines for the bytes so far, appended to `out`; runs of equal lines become one "*".
  void Add(std::span<const std::byte> bytes, std::string& out);

  // The last, shorter line and the end address.
  void Finish(std::string& out);

 private:
  static constexpr std::size_t kLineBytes = 16;

  void AddLine(std::string& out);

  std::uint64_t address_;  // of line_[0]
  std::array<std::byte, kLineBytes> line_{};
  std::size_t filled_ = 0;
  std::optional<std::array<std::byte, kLineBytes>> previous_;
  bool squeezing_ = false;
};

}  // namespace stillframe::cli
