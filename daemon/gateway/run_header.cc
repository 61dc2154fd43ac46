#include "gateway/run_header.h"

#include <google/protobuf/io/coded_stream.h>

namespace stillframe {
namespace {

using google::protobuf::io::CodedOutputStream;

enum : std::uint8_t { kVarint = 0, kLengthDelimited = 2 };

constexpr std::uint8_t Tag(unsigned field, std::uint8_t type) {
  return static_cast<std::uint8_t>((field << 3) | type);
}

std::uint8_t* Append(std::uint8_t tag, std::uint64_t value, std::uint8_t* at) {
  if (value == 0) return at;  // proto3 leaves defaults out
  *at++ = tag;
  return CodedOutputStream::WriteVarint64ToArray(value, at);
}

}  // namespace

RunHeader::RunHeader(GfnRange range, v1::PageStatus status, std::uint64_t payload_bytes) {
  std::uint8_t* at = bytes_.data();
  at = Append(Tag(1, kVarint), range.first.value, at);
  at = Append(Tag(2, kVarint), range.pages, at);
  at = Append(Tag(3, kVarint), static_cast<std::uint64_t>(status), at);
  at = Append(Tag(4, kLengthDelimited), payload_bytes, at);
  size_ = static_cast<std::size_t>(at - bytes_.data());
}

}  // namespace stillframe
