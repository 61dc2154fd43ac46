// What a Xen guest writes itself and dom0 reads: the PV table of machine frames, the pages that
// look like Xen's own, and the page types that are asked about.
#include <algorithm>
#include <array>
#include <cstring>

#include "fuzz/support/fuzz_input.h"
#include "fuzz/support/fuzz_target.h"
#include "guest/xen/gfn_probe.h"
#include "guest/xen/pv_p2m.h"
#include "guest/xen/transfer.h"
#include "guest/xen/written_by_xen.h"

namespace {

using namespace stillframe;
using namespace stillframe::fuzz;

// Pages that the guest owns, all its own words; the rest of the machine is refused.
constexpr std::uint64_t kFirstFrame = 0x100;
constexpr std::size_t kWordsMax = 4096;
constexpr std::uint64_t kPfnsMax = std::uint64_t{1} << 18;

void FindTable(FuzzInput input) {
  const P2mAnchor anchor = input.Take<P2mAnchor>();
  std::vector<std::uint64_t> words;
  while (!input.empty() && words.size() < kWordsMax) {
    // Mostly: which word, and what it says; so that page tables come about.
    words.resize(std::max<std::size_t>(words.size(), 512));
    const std::size_t at = input.TakeBelow(kWordsMax);
    if (at >= words.size()) words.resize((at / 512 + 1) * 512);
    words[at] = input.Take<std::uint64_t>();
  }
  std::uint64_t reads = 0;
  const MachinePageReader read = [&](std::uint64_t mfn,
                                     std::span<std::uint64_t, 512> to) -> absl::Status {
    ++reads;
    if (mfn < kFirstFrame || (mfn - kFirstFrame + 1) * 512 > words.size()) {
      return absl::FailedPreconditionError("not the guest's");
    }
    std::copy_n(words.begin() + static_cast<std::ptrdiff_t>((mfn - kFirstFrame) * 512), 512,
                to.begin());
    return absl::OkStatus();
  };
  for (const auto& pages :
       {FindP2mPages(anchor, kPfnsMax, read), FindLinearP2mPages(anchor, kPfnsMax, read)}) {
    if (!pages.ok()) continue;
    Require(pages->size() == (anchor.pfns + 511) / 512, "a page for each 512 entries");
    for (const std::uint64_t page : *pages) static_cast<void>(MachineFrameOf(page));
  }
  Require(reads <= 2 * (kPfnsMax / 512 + 4) * 4, "a guest's table costs no more than its size");
}

void Probe(FuzzInput input) {
  constexpr std::uint64_t kGfnsMax = 1 << 16;
  const std::uint64_t gfns = input.Take<std::uint32_t>() % kGfnsMax;
  const std::uint64_t allocated = input.Take<std::uint64_t>();
  GfnProbe probe([&](std::span<std::uint64_t> asked) -> absl::Status {
    for (std::uint64_t& gfn : asked)
      gfn = input.Take<std::uint8_t>() << 24 | input.Take<std::uint8_t>();
    return absl::OkStatus();
  });
  const auto present = probe.FindPresent(gfns, allocated, PageBitmap());
  if (!present.ok()) return;
  Require(present->size() == gfns, "a bit for each frame");
  static_cast<void>(probe.AllPresent(*present, {Gfn{0}, present->size()}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  FuzzInput input(bytes, size);
  switch (input.Take<std::uint8_t>() % 4) {
    case 0: {
      const auto page = input.Take<std::array<std::byte, kPageBytes>>();
      static_cast<void>(IsWrittenByXen(page));
      break;
    }
    case 1:
      static_cast<void>(IsSaveHelper(input.TakeRest(), 7));
      break;
    case 2:
      Probe(input);
      break;
    default:
      FindTable(input);
  }
  return 0;
}

namespace stillframe::fuzz {
namespace {

FuzzSeed& Word(FuzzSeed& seed, std::uint16_t at, std::uint64_t value) {
  return seed.Put(at).Put(value);
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  FuzzSeed tree;
  tree.Put<std::uint8_t>(3).Put(P2mAnchor{kFirstFrame, 1000, 0, 0});
  Word(tree, 0, kFirstFrame + 1);
  Word(tree, 512, 0x5000);
  Word(tree, 513, 0x5001);
  seeds.push_back(tree.Take());

  FuzzSeed linear;
  linear.Put<std::uint8_t>(3).Put(
      P2mAnchor{~std::uint64_t{0}, 1024, kFirstFrame << 12, 0xffffc90000000000});
  Word(linear, 402, (kFirstFrame + 1) << 12 | 1);
  Word(linear, 512, (kFirstFrame + 2) << 12 | 1);
  Word(linear, 1024, (kFirstFrame + 3) << 12 | 1);
  Word(linear, 1536, 0x7000 << 12 | 1);
  Word(linear, 1537, 0x7001 << 12 | 1);
  seeds.push_back(linear.Take());

  // Tables that name themselves, and as many frames as are allowed.
  FuzzSeed loop;
  loop.Put<std::uint8_t>(3).Put(P2mAnchor{kFirstFrame, kPfnsMax, kFirstFrame << 12, 0});
  for (std::uint16_t at = 0; at < 512; ++at) Word(loop, at, kFirstFrame << 12 | 1);
  seeds.push_back(loop.Take());

  FuzzSeed probe;
  probe.Put<std::uint8_t>(2).Put<std::uint32_t>(5000).Put<std::uint64_t>(10).Text(
      std::string(2000, '\xf0'));
  seeds.push_back(probe.Take());
  seeds.push_back(std::string(1, '\0') + std::string(kPageBytes, '\1'));
  seeds.push_back(
      std::string("\1/usr/lib/xen/bin/libxl-save-helper\0--save-domain\0"
                  "8\0"
                  "7\0",
                  54));
  return seeds;
}

}  // namespace stillframe::fuzz
