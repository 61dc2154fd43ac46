// What a gateway answers to a client that trusts nothing: runs of pages, machine frames, extents.
#include "extent_check.h"
#include "fuzz/support/fuzz_input.h"
#include "fuzz/support/fuzz_target.h"
#include "fuzz/support/quiet_protobuf.h"
#include "machine_frames_check.h"
#include "pages_message.h"
#include "read_check.h"
#include "stillframe/v1/memory_service.pb.h"
#include "stillframe/v1/snapshot_service.pb.h"

namespace {

using namespace stillframe;
using namespace stillframe::fuzz;

constexpr std::uint64_t kPages = 64;

// The decoder that copies nothing reads what protobuf's own reads, however the bytes are cut.
void DecodeRuns(FuzzInput& input) {
  const std::vector<GfnRange> ranges = {{Gfn{0}, 16}, {Gfn{8}, kPages - 8}};
  const auto empty = input.Take<std::uint8_t>() % 2 != 0 ? EmptyRuns::kSkip : EmptyRuns::kReport;
  ReadCheck check(ranges, empty);
  std::vector<std::byte> scratch;
  while (!input.empty()) {
    const std::size_t piece_bytes = 1 + input.Take<std::uint8_t>();
    const std::string body(input.TakeChunk());
    std::vector<grpc::Slice> slices;
    for (std::size_t at = 0; at < body.size(); at += piece_bytes) {
      slices.emplace_back(body.substr(at, piece_bytes));
    }
    grpc::ByteBuffer buffer(slices.data(), slices.size());
    PagesMessage message;
    if (!DecodePages(buffer, scratch, message).ok()) continue;
    v1::ReadPagesResponse reference;
    if (reference.ParseFromString(body) && !reference.has_snapshot()) {
      Require(message.run.range.first.value == reference.first_gfn() &&
                  message.run.range.pages == reference.page_count(),
              "both decoders see one range");
      Require(std::string_view(reinterpret_cast<const char*>(message.run.bytes.data()),
                               message.run.bytes.size()) == reference.data(),
              "both decoders see the same bytes");
    }
    if (message.snapshot) static_cast<void>(CheckPageCount(*message.snapshot));
    if (!check.Accept(message.run).ok()) continue;
    Require(message.run.range.end().value <= kPages, "an accepted run lies in what was asked for");
    Require(message.run.status != v1::PAGE_STATUS_PRESENT ||
                message.run.bytes.size() == message.run.range.bytes(),
            "an accepted run has its bytes");
  }
  static_cast<void>(check.Finish());
}

void TakeMachineFrames(FuzzInput& input) {
  MachineFramesCheck check(kPages);
  while (!input.empty()) {
    v1::ReadMachineFramesResponse part;
    if (part.ParseFromString(std::string(input.TakeChunk()))) {
      static_cast<void>(check.Accept(part));
    }
  }
  const auto table = check.Finish();
  if (table.ok()) Require(table->size() == kPages, "a table has an entry for each page");
}

void TakeExtents(FuzzInput& input) {
  AllocatedExtentCheck allocated(kPages);
  ChangedExtentCheck changed;
  std::uint64_t covered = 0;
  std::uint64_t changed_pages = 0;
  while (!input.empty()) {
    v1::ListAllocatedExtentsResponse response;
    if (!response.ParseFromString(std::string(input.TakeChunk()))) continue;
    for (const auto& extent : response.extents()) {
      const GfnRange range{Gfn{extent.first_gfn()}, extent.page_count()};
      if (allocated.Accept(range).ok()) covered += range.pages;
      if (changed.Accept(range).ok()) changed_pages += range.pages;
    }
  }
  Require(covered <= kPages && (covered == kPages) == allocated.Finish().ok(),
          "accepted extents cover each page once");
  Require(changed_pages <= kGuestPagesMax, "no page changes twice");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  FuzzInput input(bytes, size);
  switch (input.Take<std::uint8_t>() % 3) {
    case 0:
      DecodeRuns(input);
      break;
    case 1:
      TakeMachineFrames(input);
      break;
    default:
      TakeExtents(input);
  }
  return 0;
}

namespace stillframe::fuzz {
namespace {

std::string Run(std::uint64_t first, std::uint64_t pages, v1::PageStatus status,
                std::size_t bytes) {
  v1::ReadPagesResponse response;
  response.set_first_gfn(first);
  response.set_page_count(pages);
  response.set_status(status);
  response.set_data(std::string(bytes, 'p'));
  return response.SerializeAsString();
}

std::string Extents(const std::vector<GfnRange>& ranges) {
  v1::ListAllocatedExtentsResponse response;
  for (const GfnRange& range : ranges) {
    auto& extent = *response.add_extents();
    extent.set_first_gfn(range.first.value);
    extent.set_page_count(range.pages);
    extent.set_status(v1::PAGE_STATUS_PRESENT);
  }
  return response.SerializeAsString();
}

}  // namespace

std::vector<std::string> Seeds() {
  v1::ReadPagesResponse described;
  described.mutable_snapshot()->set_page_count(kPages);
  v1::ReadMachineFramesResponse frames;
  frames.mutable_machine_frames()->Resize(static_cast<int>(kPages), 9);
  const std::uint64_t far = ~std::uint64_t{0};
  return {
      FuzzSeed()
          .Put<std::uint8_t>(0)
          .Put<std::uint8_t>(0)
          .Put<std::uint8_t>(255)
          .Chunk(described.SerializeAsString())
          .Put<std::uint8_t>(255)
          .Chunk(Run(0, 1, v1::PAGE_STATUS_PRESENT, kPageBytes))
          .Put<std::uint8_t>(6)
          .Chunk(Run(1, 1, v1::PAGE_STATUS_PRESENT, kPageBytes))
          .Put<std::uint8_t>(0)
          .Chunk(Run(2, 14, v1::PAGE_STATUS_ZERO, 0))
          .Put<std::uint8_t>(0)
          .Chunk(Run(8, 56, v1::PAGE_STATUS_ABSENT_HOLE, 0))
          .Take(),
      FuzzSeed()
          .Put<std::uint8_t>(0)
          .Put<std::uint8_t>(1)
          .Put<std::uint8_t>(9)
          .Chunk(Run(far, 2, v1::PAGE_STATUS_PRESENT, 1))
          .Take(),
      FuzzSeed().Put<std::uint8_t>(1).Chunk(frames.SerializeAsString()).Take(),
      FuzzSeed()
          .Put<std::uint8_t>(2)
          .Chunk(Extents({{Gfn{0}, 60}}))
          .Chunk(Extents({{Gfn{60}, 4}}))
          .Take(),
      FuzzSeed().Put<std::uint8_t>(2).Chunk(Extents({{Gfn{1}, far}, {Gfn{far}, 1}})).Take(),
  };
}

}  // namespace stillframe::fuzz
