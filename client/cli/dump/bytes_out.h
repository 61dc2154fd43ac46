// Builds little-endian structures byte by byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace stillframe::cli {

class BytesOut {
 public:
  BytesOut& U8(std::uint8_t value) { return Put(value, 1); }
  BytesOut& U16(std::uint16_t value) { return Put(value, 2); }
  BytesOut& U32(std::uint32_t value) { return Put(value, 4); }
  BytesOut& U64(std::uint64_t value) { return Put(value, 8); }
  BytesOut& Zeros(std::size_t count) {
    bytes_.resize(bytes_.size() + count);
    return *this;
  }
  BytesOut& Text(std::string_view text) {
    for (const char c : text) bytes_.push_back(static_cast<std::byte>(c));
    return *this;
  }
  BytesOut& Append(const std::vector<std::byte>& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  BytesOut& AlignTo(std::size_t alignment) {
    return Zeros((alignment - bytes_.size() % alignment) % alignment);
  }

  std::size_t size() const { return bytes_.size(); }
  std::vector<std::byte> Take() && { return std::move(bytes_); }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  BytesOut& Put(std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes_.push_back(static_cast<std::byte>(value >> (8 * i)));
    return *this;
  }

  std::vector<std::byte> bytes_;
};

}  // namespace stillframe::cli
