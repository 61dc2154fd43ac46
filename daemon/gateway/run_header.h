// The bytes of a ReadPagesResponse that come before its payload.
//
// Written by hand so that the payload itself can be sent from where it is mapped: header followed
// by `payload_bytes` of payload is a complete, wire-compatible message.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/units.h"
#include "stillframe/v1/snapshot.pb.h"

namespace stillframe {

class RunHeader {
 public:
  RunHeader(GfnRange range, v1::PageStatus status, std::uint64_t payload_bytes);

  std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size_}; }

 private:
  // Four tags of one byte and four varints of at most ten.
  std::array<std::uint8_t, 44> bytes_;
  std::size_t size_ = 0;
};

}  // namespace stillframe
