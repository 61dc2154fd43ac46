#include "dump/dump_writer.h"

#include <fmt/format.h>

#include "base/status.h"

namespace stillframe::cli {

absl::Status DumpWriter::Add(GfnRange range, std::span<const std::byte> bytes) {
  while (segment_ < plan_.segments.size() && plan_.segments[segment_].range.end() <= range.first) {
    ++segment_;
  }
  if (segment_ == plan_.segments.size() || bytes.size() != range.bytes() ||
      range.first < plan_.segments[segment_].range.first ||
      range.end() > plan_.segments[segment_].range.end()) {
    return absl::InternalError(fmt::format("write {} pages at gfn {:#x}: not where the extents say",
                                           range.pages, range.first.value));
  }
  const DumpSegment& segment = plan_.segments[segment_];
  const std::uint64_t offset =
      segment.offset + (range.first.address() - segment.range.first.address());
  SF_RETURN_IF_ERROR(WriteHeadersUpTo(offset));
  return output_.Write(offset, bytes);
}

absl::Status DumpWriter::Finish() {
  SF_RETURN_IF_ERROR(WriteHeadersUpTo(plan_.file_bytes));
  return output_.Finish(plan_.file_bytes);
}

absl::Status DumpWriter::WriteHeadersUpTo(std::uint64_t offset) {
  for (; next_header_ < plan_.headers.size(); ++next_header_) {
    const DumpHeader& header = plan_.headers[next_header_];
    if (header.offset > offset) break;
    SF_RETURN_IF_ERROR(output_.Write(header.offset, header.bytes));
  }
  return absl::OkStatus();
}

}  // namespace stillframe::cli
