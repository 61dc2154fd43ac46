#include "pages_message.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include "base/status.h"
#include "stillframe/v1/memory_service.pb.h"

namespace stillframe {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using Response = v1::ReadPagesResponse;

constexpr std::uint32_t kDataBytesMax = 8u << 20;

constexpr std::uint32_t VarintTag(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_VARINT);
}
constexpr std::uint32_t BytesTag(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}

// The slices of a ByteBuffer outlive the reader that walks them, so pointers into them stay good.
bool TakeData(CodedInputStream& in, std::vector<std::byte>& scratch,
              std::span<const std::byte>& bytes) {
  std::uint32_t length = 0;
  if (!in.ReadVarint32(&length) || length > kDataBytesMax) return false;
  if (length == 0) {
    bytes = {};
    return true;
  }
  const void* direct = nullptr;
  int direct_bytes = 0;
  if (in.GetDirectBufferPointer(&direct, &direct_bytes) &&
      static_cast<std::uint32_t>(direct_bytes) >= length) {
    bytes = {static_cast<const std::byte*>(direct), length};
    return in.Skip(static_cast<int>(length));
  }
  if (scratch.size() < length) scratch.resize(length);
  bytes = {scratch.data(), length};
  return in.ReadRaw(scratch.data(), static_cast<int>(length));
}

bool TakeSnapshot(CodedInputStream& in, std::optional<v1::Snapshot>& snapshot) {
  std::uint32_t length = 0;
  if (!in.ReadVarint32(&length)) return false;
  const auto limit = in.PushLimit(static_cast<int>(length));
  snapshot.emplace();
  const bool parsed = snapshot->MergeFromCodedStream(&in) && in.ConsumedEntireMessage();
  in.PopLimit(limit);
  return parsed;
}

bool Decode(CodedInputStream& in, std::vector<std::byte>& scratch, PagesMessage& message) {
  while (const std::uint32_t tag = in.ReadTag()) {
    std::uint64_t value = 0;
    switch (tag) {
      case VarintTag(Response::kFirstGfnFieldNumber):
        if (!in.ReadVarint64(&message.run.range.first.value)) return false;
        break;
      case VarintTag(Response::kPageCountFieldNumber):
        if (!in.ReadVarint64(&message.run.range.pages)) return false;
        break;
      case VarintTag(Response::kStatusFieldNumber):
        if (!in.ReadVarint64(&value)) return false;
        message.run.status = v1::PageStatus_IsValid(static_cast<int>(value))
                                 ? static_cast<v1::PageStatus>(value)
                                 : v1::PAGE_STATUS_UNSPECIFIED;
        break;
      case BytesTag(Response::kDataFieldNumber):
        if (!TakeData(in, scratch, message.run.bytes)) return false;
        break;
      case BytesTag(Response::kSnapshotFieldNumber):
        if (!TakeSnapshot(in, message.snapshot)) return false;
        break;
      default:
        if (!WireFormatLite::SkipField(&in, tag)) return false;
    }
  }
  return in.ConsumedEntireMessage();
}

}  // namespace

absl::Status DecodePages(grpc::ByteBuffer& buffer, std::vector<std::byte>& scratch,
                         PagesMessage& message) {
  message = {};
  grpc::ProtoBufferReader slices(&buffer);
  CodedInputStream in(&slices);
  if (!slices.status().ok() || !Decode(in, scratch, message)) {
    return absl::InternalError("read pages: the gateway's answer is no ReadPagesResponse");
  }
  return absl::OkStatus();
}

}  // namespace stillframe
