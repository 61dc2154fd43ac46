// What a real QEMU 7.2 said, recorded in data/.
#pragma once

#include <cstddef>
#include <fstream>
#include <iterator>
#include <span>
#include <string>

namespace stillframe {

inline std::string Recorded(const std::string& name) {
  std::ifstream file(STILLFRAME_QEMU_DATA + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace stillframe
