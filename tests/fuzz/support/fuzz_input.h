// Takes an input apart into the values that a target is called with, and puts seeds together.
//
// Whatever the bytes are, something comes out: what is missing at the end reads as zeros.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace stillframe::fuzz {

class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* bytes, std::size_t size)
      : left_(reinterpret_cast<const char*>(bytes), size) {}
  explicit FuzzInput(std::string_view text) : left_(text) {}

  bool empty() const { return left_.empty(); }

  template <typename T>
  T Take() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    const std::string_view part = TakeText(sizeof value);
    std::memcpy(&value, part.data(), part.size());
    return value;
  }

  // Below `end`, which is not 0.
  std::size_t TakeBelow(std::size_t end) { return Take<std::uint16_t>() % end; }

  std::string_view TakeText(std::size_t bytes_max) {
    const std::string_view part = left_.substr(0, bytes_max);
    left_.remove_prefix(part.size());
    return part;
  }

  // Two bytes of length, then so many.
  std::string_view TakeChunk() { return TakeText(Take<std::uint16_t>()); }

  std::string_view TakeRest() { return TakeText(left_.size()); }

 private:
  std::string_view left_;
};

// Writes what FuzzInput takes.
class FuzzSeed {
 public:
  template <typename T>
  FuzzSeed& Put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    text_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  FuzzSeed& Text(std::string_view text) {
    text_ += text;
    return *this;
  }
  FuzzSeed& Chunk(std::string_view text) {
    return Put(static_cast<std::uint16_t>(text.size())).Text(text.substr(0, UINT16_MAX));
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

inline std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace stillframe::fuzz
