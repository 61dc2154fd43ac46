// Images of the torn-page workload, whose pages are a guest's own.
#include <array>
#include <cstring>

#include "fuzz/support/fuzz_input.h"
#include "fuzz/support/fuzz_target.h"
#include "introspect/torn_pages.h"

using namespace stillframe;
using namespace stillframe::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  FuzzInput input(bytes, size);
  const std::uint64_t expected = input.Take<std::uint16_t>() % 64;
  TornPages pages;
  std::uint64_t stamped = 0;
  while (!input.empty()) {
    std::array<std::byte, kPageBytes> page{};
    const bool has_mark = input.Take<std::uint8_t>() % 8 != 0;
    if (has_mark) std::memcpy(page.data(), kTornPageMagic.data(), kTornPageMagic.size());
    for (const std::size_t at : {kTornIndexOffset, kTornHeadOffset, kTornTailOffset}) {
      // Small numbers mostly, so that some are what they should be.
      const std::uint8_t small = input.Take<std::uint8_t>();
      const std::uint64_t value = small < 250 ? small : input.Take<std::uint64_t>();
      std::memcpy(page.data() + at, &value, sizeof value);
    }
    Require(IsStamped(page) == has_mark, "a page is stamped if it has the mark");
    if (pages.Add(page).ok() && has_mark) ++stamped;
  }
  const TornVerdict verdict = pages.Judge(expected);
  Require(verdict.consistent == verdict.reason.empty(), "a torn image has a reason");
  Require(!verdict.consistent || (verdict.pages == stamped && verdict.next_page <= verdict.pages),
          "a consistent image is complete");
  return 0;
}

namespace stillframe::fuzz {

std::vector<std::string> Seeds() {
  const auto image = [](std::uint16_t expected, std::uint8_t pages, std::uint8_t next) {
    FuzzSeed seed;
    seed.Put(expected);
    for (std::uint8_t i = 0; i < pages; ++i) {
      const std::uint8_t head = i < next ? 9 : 8;
      seed.Put<std::uint8_t>(1).Put(i).Put(head).Put(head);
    }
    return seed.Take();
  };
  return {image(0, 8, 3), image(8, 8, 8), image(9, 8, 0),
          FuzzSeed()
              .Put<std::uint16_t>(0)
              .Put<std::uint8_t>(1)
              .Put<std::uint8_t>(255)
              .Put(~std::uint64_t{0})
              .Put<std::uint8_t>(255)
              .Put<std::uint64_t>(0)
              .Put<std::uint8_t>(255)
              .Put(~std::uint64_t{0})
              .Take()};
}

}  // namespace stillframe::fuzz
