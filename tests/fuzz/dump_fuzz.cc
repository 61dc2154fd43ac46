// What the command line makes of a snapshot that it was told about: dump files of every format,
// text and JSON. Whoever told it may have lied.
#include <algorithm>

#include "dump/dump_plan.h"
#include "dump/dump_writer.h"
#include "extent_check.h"
#include "fuzz/support/fuzz_input.h"
#include "fuzz/support/fuzz_target.h"
#include "fuzz/support/quiet_protobuf.h"
#include "render/hex_dump.h"
#include "render/json.h"
#include "render/snapshot_text.h"
#include "stillframe/v1/event.pb.h"
#include "stillframe/v1/snapshot.pb.h"

namespace {

using namespace stillframe;
using namespace stillframe::fuzz;

constexpr std::uint64_t kPages = 256;

// Takes what is written and remembers where it ended.
class Ascending final : public cli::DumpOutput {
 public:
  absl::Status Write(std::uint64_t offset, std::span<const std::byte> bytes) override {
    Require(offset >= end_, "a dump is written in order");
    end_ = offset + bytes.size();
    return absl::OkStatus();
  }
  absl::Status Finish(std::uint64_t bytes) override {
    Require(bytes >= end_, "a dump ends after its last byte");
    finished_ = true;
    return absl::OkStatus();
  }
  bool finished() const { return finished_; }

 private:
  std::uint64_t end_ = 0;
  bool finished_ = false;
};

void Write(const cli::DumpPlan& plan, const std::vector<cli::StatusExtent>& extents,
           std::uint64_t file_bytes_max) {
  Require(plan.file_bytes <= file_bytes_max, "a dump is no larger than the guest and its headers");
  Ascending output;
  cli::DumpWriter writer(plan, output);
  const std::vector<std::byte> bytes(kPages * kPageBytes);
  for (const cli::StatusExtent& extent : extents) {
    if (extent.status != v1::PAGE_STATUS_PRESENT) continue;
    Require(writer.Add(extent.range, std::span(bytes).first(extent.range.bytes())).ok(),
            "what the extents promise can be written");
  }
  Require(writer.Finish().ok() && output.finished(), "a dump can be finished");
}

void Dump(FuzzInput& input, const v1::Snapshot& snapshot) {
  AllocatedExtentCheck check(kPages);
  std::vector<cli::StatusExtent> extents;
  while (!input.empty() && extents.size() < kPages) {
    const GfnRange range{Gfn{input.Take<std::uint16_t>()}, input.Take<std::uint8_t>()};
    const auto status = static_cast<v1::PageStatus>(input.Take<std::uint8_t>() % 7);
    if (check.Accept(range).ok()) extents.push_back({range, status});
  }
  const std::uint64_t memory = kPages * kPageBytes;
  const std::uint64_t notes = static_cast<std::uint64_t>(snapshot.vcpus_size()) * 1024;
  Write(cli::PlanRaw(extents), extents, memory);
  Write(cli::PlanLime(extents), extents, memory + kPages * 32);
  Write(cli::PlanElf(extents, snapshot), extents, memory + kPages * 64 + notes + 2 * kPageBytes);
}

// Nothing that a terminal would obey.
void RequirePlain(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    Require(byte == '\n' || (byte >= 0x20 && byte != 0x7f), "text has no control characters");
  }
}

// One line, whatever the strings in it are.
void RequireLine(std::string_view json) {
  for (const char c : json) {
    Require(static_cast<unsigned char>(c) >= 0x20, "JSON has no control characters");
  }
}

void Print(const v1::Snapshot& snapshot) {
  RequirePlain(cli::SnapshotsText({snapshot}));
  RequirePlain(cli::SnapshotText(snapshot));
  RequirePlain(cli::MemoryMapText(snapshot));
  for (const v1::Vcpu& vcpu : snapshot.vcpus()) RequirePlain(cli::RegistersText(vcpu));
  RequireLine(cli::JsonLine(cli::ToJson(snapshot)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  FuzzInput input(bytes, size);
  const std::string body(input.TakeChunk());
  v1::Snapshot snapshot;
  if (snapshot.ParseFromString(body)) Print(snapshot);
  v1::SnapshotEvent event;
  if (event.ParseFromString(body)) {
    RequirePlain(cli::EventText(event));
    RequireLine(cli::JsonLine(cli::ToJson(event)));
  }
  v1::Guest guest;
  if (guest.ParseFromString(body)) {
    RequirePlain(cli::GuestsText({guest}));
    RequirePlain(cli::GuestText(guest));
  }
  std::string dumped;
  cli::HexDump hex(input.Take<std::uint64_t>());
  hex.Add(BytesOf(body), dumped);
  hex.Finish(dumped);
  RequirePlain(dumped);
  Dump(input, snapshot);
  return 0;
}

namespace stillframe::fuzz {

std::vector<std::string> Seeds() {
  v1::Snapshot snapshot;
  snapshot.set_guest_name("web1");
  snapshot.set_guest_uuid("00000000-0000-0000-0000-000000000001");
  snapshot.set_generation(3);
  snapshot.set_page_count(kPages);
  snapshot.set_pause_begin_ns(5);
  snapshot.set_pause_end_ns(2);
  snapshot.set_wall_time_ns(~std::uint64_t{0});
  for (int i = 0; i < 2; ++i) {
    v1::Vcpu& vcpu = *snapshot.add_vcpus();
    vcpu.mutable_general()->Resize(i == 0 ? 16 : 3, 7);
    vcpu.set_kernel_gs_base(1);
    vcpu.mutable_cs()->set_selector(16);
  }
  v1::MemoryRegion& region = *snapshot.add_memory_regions();
  region.set_first_gfn(~std::uint64_t{0});
  region.set_page_count(~std::uint64_t{0});
  region.set_kind(v1::MemoryRegion::KIND_RAM);
  v1::SnapshotEvent event;
  event.set_guest_name("a\x1b[2Jb\n");
  *event.mutable_published() = snapshot;
  v1::Guest guest;
  guest.set_name("\x7f\r");
  guest.set_uuid("\xc2\x9b");

  FuzzSeed whole;
  whole.Chunk(snapshot.SerializeAsString()).Put<std::uint64_t>(0xfffffffffffffff8);
  whole.Put<std::uint16_t>(0).Put<std::uint8_t>(100).Put<std::uint8_t>(1);
  whole.Put<std::uint16_t>(100).Put<std::uint8_t>(50).Put<std::uint8_t>(3);
  whole.Put<std::uint16_t>(150).Put<std::uint8_t>(106).Put<std::uint8_t>(2);
  return {whole.Take(), FuzzSeed().Chunk(event.SerializeAsString()).Take(),
          FuzzSeed().Chunk(guest.SerializeAsString()).Take()};
}

}  // namespace stillframe::fuzz
