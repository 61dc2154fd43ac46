// QEMU's three sources of registers: its monitor's text, an ELF with notes, its device state.
#include "fuzz/support/fuzz_input.h"
#include "fuzz/support/fuzz_target.h"
#include "guest/qemu/device_state.h"
#include "guest/qemu/registers.h"

namespace {

using namespace stillframe;
using namespace stillframe::fuzz;

enum Source : std::uint8_t { kText, kNotes, kDeviceState, kSources };

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  FuzzInput input(bytes, size);
  const std::uint8_t source = input.Take<std::uint8_t>();
  std::vector<VcpuState> vcpus(1 + source / kSources % 4);
  const std::size_t count = vcpus.size();
  if (source % kSources == kText) {
    const auto decoded = DecodeRegisterText(input.TakeRest());
    if (!decoded.ok()) return 0;
    Require(!decoded->vcpus.empty() && decoded->vcpus.size() <= kVcpusMax, "vCPUs are bounded");
  } else if (source % kSources == kNotes) {
    static_cast<void>(MergeCpuNotes(BytesOf(input.TakeRest()), vcpus));
  } else {
    static_cast<void>(MergeDeviceState(BytesOf(input.TakeRest()), vcpus));
  }
  Require(vcpus.size() == count, "no source changes the number of vCPUs");
  return 0;
}

namespace stillframe::fuzz {
namespace {

// One program header of no size, to be read 65535 times, over a segment full of notes.
std::string RepeatedNotes() {
  constexpr std::size_t kNotes = 64;
  constexpr std::uint32_t kCpuBytes = 440;
  std::string elf(
      "\x7f"
      "ELF\2",
      5);
  elf.resize(64 + 56);
  const std::uint64_t header_at = 64;
  const std::uint64_t notes_at = elf.size();
  const std::uint16_t header_bytes = 0;
  const std::uint16_t header_count = 0xffff;
  const std::uint32_t type = 4;
  const std::uint64_t notes_bytes = kNotes * (12 + 8 + kCpuBytes);
  elf.replace(32, 8, FuzzSeed().Put(header_at).Take());
  elf.replace(54, 2, FuzzSeed().Put(header_bytes).Take());
  elf.replace(56, 2, FuzzSeed().Put(header_count).Take());
  elf.replace(header_at, 4, FuzzSeed().Put(type).Take());
  elf.replace(header_at + 8, 8, FuzzSeed().Put(notes_at).Take());
  elf.replace(header_at + 32, 8, FuzzSeed().Put(notes_bytes).Take());
  for (std::size_t i = 0; i < kNotes; ++i) {
    elf += FuzzSeed().Put<std::uint32_t>(5).Put(kCpuBytes).Put<std::uint32_t>(0).Take();
    elf += std::string("QEMU\0\0\0\0", 8) + std::string(kCpuBytes, '\1');
  }
  return elf;
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const std::string& file : FilesIn(STILLFRAME_QEMU_DATA)) {
    for (std::uint8_t source = 0; source < kSources; ++source) {
      if (source != kText && file.find("FlatView") != std::string::npos) continue;
      // For two vCPUs, as they were recorded.
      seeds.push_back(static_cast<char>(kSources + source) + file);
    }
  }
  seeds.push_back(std::string(1, kNotes) + RepeatedNotes());
  return seeds;
}

}  // namespace stillframe::fuzz
