// Page tables that are a guest's own: walks over arbitrary memory, by guest and by machine frames.
#include <algorithm>
#include <cstring>

#include "fuzz/support/fuzz_input.h"
#include "fuzz/support/fuzz_target.h"
#include "guest/machine_to_guest.h"
#include "support/page_walk.h"

namespace {

using namespace stillframe;
using namespace stillframe::fuzz;

constexpr std::size_t kPages = 8;

void CheckFinder(std::span<const std::uint64_t> frames) {
  const MachineToGuest finder(frames);
  for (std::size_t gfn = 0; gfn < frames.size(); ++gfn) {
    const std::optional<Gfn> found = finder.Find(frames[gfn]);
    if (frames[gfn] >= kMachineFramesMax) {
      Require(!found.has_value(), "what no page table can name is not found");
    } else {
      Require(found.has_value() && found->value <= gfn && frames[found->value] == frames[gfn],
              "the first frame that claims a machine frame is found");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  FuzzInput input(bytes, size);
  const std::uint64_t cr3 = input.Take<std::uint64_t>();
  const std::uint64_t cr4 = input.Take<std::uint64_t>();
  const std::uint64_t address = input.Take<std::uint64_t>();
  const bool machine = input.Take<std::uint8_t>() % 2 != 0;
  std::vector<std::uint64_t> frames(kPages);
  for (std::uint64_t& frame : frames) frame = input.Take<std::uint64_t>();
  CheckFinder(frames);

  std::vector<std::byte> memory(kPages * kPageBytes);
  while (!input.empty()) {
    const std::size_t word = input.TakeBelow(memory.size() / 8);
    const std::uint64_t value = input.Take<std::uint64_t>();
    std::memcpy(memory.data() + word * 8, &value, sizeof value);
  }
  GuestView view;
  view.extents = {{GfnRange{Gfn{0}, kPages}, memory.data()}};
  if (machine) view.machine_frames = std::make_shared<const std::vector<std::uint64_t>>(frames);
  const WordReader words = WordsOf(view);
  static_cast<void>(Translate(words, cr3, cr4, address));
  Require(ReadKernelText(words, cr3, cr4, address).size() <= 4096, "text is bounded");
  return 0;
}

namespace stillframe::fuzz {
namespace {

std::string Tables(std::uint8_t machine, std::uint64_t cr4, std::uint64_t base) {
  FuzzSeed seed;
  seed.Put(base << 12).Put(cr4).Put<std::uint64_t>(0xffffffff81000000).Put(machine);
  for (std::uint64_t i = 0; i < kPages; ++i) seed.Put(base + i);
  const auto word = [&](std::uint16_t page, std::uint16_t entry, std::uint64_t value) {
    seed.Put(static_cast<std::uint16_t>(page * 512 + entry)).Put(value);
  };
  word(0, 511, (base + 1) << 12 | 1);
  word(1, 510, (base + 2) << 12 | 1);
  word(2, 8, (base + 3) << 12 | 1);
  word(3, 0, (base + 4) << 12 | 1);
  word(4, 0, 0x6f6c6c6568);
  return seed.Take();
}

}  // namespace

std::vector<std::string> Seeds() {
  return {Tables(0, 0, 0), Tables(1, 0, 0x1234), Tables(0, 1 << 12, 0), Tables(1, 0, ~0ull >> 8)};
}

}  // namespace stillframe::fuzz
