// Requests to the gateway, decoded and planned without gRPC: whatever ranges they name, what is
// read lies in the snapshot, and all of it is read.
#include <algorithm>

#include "fuzz/support/fuzz_input.h"
#include "fuzz/support/fuzz_target.h"
#include "fuzz/support/quiet_protobuf.h"
#include "gateway/extents.h"
#include "gateway/machine_frames_plan.h"
#include "gateway/pagination.h"
#include "gateway/read_plan.h"
#include "gateway/run_header.h"
#include "gateway/watch_queue.h"
#include "stillframe/v1/event.pb.h"
#include "stillframe/v1/memory_service.pb.h"
#include "unit/gateway/fake_snapshot.h"

namespace {

using namespace stillframe;
using namespace stillframe::fuzz;

constexpr std::size_t kPagesMax = 512;

std::vector<Slot> TakeSlots(FuzzInput& input) {
  std::vector<Slot> slots(input.TakeBelow(kPagesMax));
  for (Slot& slot : slots) {
    const auto word = input.Take<std::uint8_t>();
    slot = word < 240 ? word : kZeroSlot - (word - 240) % 8;
  }
  return slots;
}

void ReadPages(const std::shared_ptr<FakeSnapshot>& snapshot, const std::string& body) {
  v1::ReadPagesRequest request;
  if (!request.ParseFromString(body)) return;
  const ServingLimits limits;
  auto plan = ReadPlan::Create(snapshot, request, limits);
  if (!plan.ok()) return;
  std::uint64_t wanted = 0;
  for (const v1::PageRange& range : request.ranges()) wanted += range.page_count();
  if (request.ranges().empty()) wanted = snapshot->page_count();
  if (wanted > 64 * kPagesMax) return;  // the same few pages over and over
  std::uint64_t read = 0;
  ReadChunk chunk;
  for (auto step = ReadPlan::Step::kChunk; step != ReadPlan::Step::kEnd;) {
    step = plan->Next(chunk);
    if (step != ReadPlan::Step::kChunk) continue;
    Require(!chunk.range.empty() && chunk.range.end().value <= snapshot->page_count(),
            "a chunk lies in the snapshot");
    std::uint64_t bytes = 0;
    for (const auto piece : chunk.pieces) bytes += piece.size();
    const bool present = chunk.state == PageState::kPresent;
    Require(bytes == (present ? chunk.range.bytes() : 0), "a present chunk has its bytes");
    Require(!present || chunk.range.bytes() <= plan->chunk_bytes(), "chunks are bounded");
    const RunHeader header(chunk.range, StatusOf(chunk.state), bytes);
    Require(!header.bytes().empty(), "a run has a header");
    read += chunk.range.pages;
  }
  Require(request.skip_empty() ? read <= wanted : read == wanted, "all that was asked for is read");
}

void ReadFrames(const std::shared_ptr<FakeSnapshot>& snapshot, const std::string& body) {
  v1::ReadMachineFramesRequest request;
  if (!request.ParseFromString(body)) return;
  auto plan = MachineFramesPlan::Create(snapshot, request, ServingLimits{});
  if (!plan.ok()) return;
  while (const auto chunk = plan->Next()) {
    Require(chunk->first.value + chunk->frames.size() <= snapshot->page_count(),
            "machine frames lie in the snapshot");
  }
}

void Walk(std::span<const Slot> base, std::span<const Slot> target, FuzzInput& input) {
  const std::size_t extents_max = 1 + input.TakeBelow(64);
  const auto coalesce = input.Take<std::uint64_t>();
  ChangedExtents changed(base, target, coalesce);
  std::uint64_t end = 0;
  std::vector<GfnRange> found;
  for (bool more = true; more; found.clear()) {
    more = changed.Next(extents_max, found);
    Require(found.size() <= extents_max, "a step is bounded");
    for (const GfnRange& range : found) {
      Require(range.first.value >= end && !range.empty(), "changed extents ascend");
      end = range.end().value;
    }
  }
  Require(end <= std::max(base.size(), target.size()), "changed extents end with the memory");

  AllocatedExtents allocated(target);
  std::vector<AllocatedExtent> runs;
  std::uint64_t covered = 0;
  for (bool more = true; more; runs.clear()) {
    more = allocated.Next(extents_max, runs);
    for (const AllocatedExtent& run : runs) {
      Require(run.range.first.value == covered, "allocated extents leave nothing out");
      covered = run.range.end().value;
    }
  }
  Require(covered == target.size(), "allocated extents cover everything");
}

void Page(std::string_view text, std::int32_t size) {
  if (const auto page = PageSizeOf(size); page.ok()) {
    Require(*page >= 1 && *page <= 1000, "pages are bounded");
  }
  const auto token = ParsePageToken(text);
  if (token.ok()) {
    Require(*ParsePageToken(MakePageToken(token->first, token->second)) == *token,
            "a token says what it was made of");
  }
}

void Queue(std::string_view bytes, std::size_t events_max) {
  WatchQueue queue(events_max);
  FuzzInput input(bytes);
  while (!input.empty()) {
    v1::SnapshotEvent event;
    if (event.ParseFromString(std::string(input.TakeText(16)))) queue.Push(event);
    if (input.Take<std::uint8_t>() % 4 == 0) queue.Pop();
  }
  while (queue.Pop()) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  FuzzInput input(bytes, size);
  const std::string body(input.TakeChunk());
  const std::vector<Slot> base = TakeSlots(input);
  const std::vector<Slot> slots = TakeSlots(input);
  std::vector<std::uint64_t> frames;
  if (input.Take<std::uint8_t>() % 2 != 0) frames.assign(slots.size(), 5);
  const auto snapshot = std::make_shared<FakeSnapshot>(slots, frames);
  ReadPages(snapshot, body);
  ReadFrames(snapshot, body);
  Walk(base, slots, input);
  Page(body, input.Take<std::int32_t>());
  Queue(body, input.TakeBelow(4));
  return 0;
}

namespace stillframe::fuzz {

std::vector<std::string> Seeds() {
  const auto seed = [](const std::string& body) {
    FuzzSeed made;
    made.Chunk(body);
    made.Put<std::uint16_t>(64).Text(std::string(32, '\1') + std::string(32, '\xff'));
    made.Put<std::uint16_t>(64);
    for (int page = 0; page < 64; ++page) {
      made.Put(static_cast<std::uint8_t>(page % 16 == 15 ? 240 + page / 16 : page));
    }
    return made.Put<std::uint8_t>(1).Put<std::uint16_t>(3).Put<std::uint64_t>(2).Take();
  };
  const std::uint64_t far = ~std::uint64_t{0};
  std::vector<std::string> seeds = {seed(""), seed(MakePageToken("name", "uuid"))};
  for (const auto& [first, pages] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
           {0, 64}, {63, 1}, {0, 0}, {far, 1}, {far, far}, {1, far}, {64, 1}, {0, 65}}) {
    v1::ReadPagesRequest request;
    request.mutable_snapshot()->set_guest("web1");
    for (int i = 0; i < 2; ++i) {
      v1::PageRange& range = *request.add_ranges();
      range.set_first_gfn(first);
      range.set_page_count(pages);
    }
    request.set_chunk_bytes(1 << 16);
    seeds.push_back(seed(request.SerializeAsString()));
    request.set_skip_empty(true);
    request.set_chunk_bytes(0xffffffff);
    seeds.push_back(seed(request.SerializeAsString()));
  }
  return seeds;
}

}  // namespace stillframe::fuzz
