// What came to a reader: how many bytes, and a mark made of a byte of each page, so that two
// readers of one thing can be told to have got it, at the price of touching every page once.
//
// Values; thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/units.h"

namespace stillframe::bench {

class Delivered {
 public:
  // The next bytes of a whole number of pages, in any portions.
  void Take(std::span<const std::byte> bytes) {
    const std::size_t into_page = bytes_ % kPageBytes;
    for (std::size_t at = into_page == 0 ? 0 : kPageBytes - into_page; at < bytes.size();
         at += kPageBytes) {
      mark_ = mark_ * 31 + std::to_integer<std::uint64_t>(bytes[at]);
    }
    bytes_ += bytes.size();
  }

  std::uint64_t bytes() const { return bytes_; }
  friend bool operator==(const Delivered&, const Delivered&) = default;

 private:
  std::uint64_t bytes_ = 0;
  std::uint64_t mark_ = 0;
};

}  // namespace stillframe::bench
