// A seeded random life of a guest - writes, zeroing, balloons, interrupted logs, failing calls -
// in which every published generation must equal a plain copy made in its pause.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "unit/capture/capture_bench.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kModelPages = 300;

class CapturerModelTest : public testing::TestWithParam<std::uint64_t> {};

TEST_P(CapturerModelTest, EveryGenerationEqualsThePlainCopyOfItsInstant) {
  std::mt19937_64 random(GetParam());
  PrecopyBench bench(kModelPages, {.generations_max = 6});
  bench.machine.has_log = GetParam() % 3 != 0;
  const bool precopied = GetParam() % 2 == 0 && bench.machine.has_log;
  bench.machine.log_is_live = precopied;
  bench.machine.regions = {{{Gfn{0}, kModelPages}, RegionKind::kRam}};
  std::map<std::uint64_t, std::vector<std::byte>> copies;
  std::vector<std::byte> in_pause;
  bench.machine.while_paused = [&] { in_pause = bench.machine.Copy(); };

  // A guest that writes while it is pre-copied, and sometimes faster than we copy.
  bench.machine.while_running = [&] {
    for (std::uint64_t i = random() % 40; i > 0; --i) {
      bench.machine.Write(Gfn{random() % kModelPages}, random() % 4 == 0 ? 0 : random());
    }
    if (random() % 50 == 0) bench.machine.log_interrupted = true;
  };

  int published = 0;
  std::uint64_t rounds = 0;
  for (int step = 0; step < 300; ++step) {
    for (std::uint64_t i = random() % (precopied ? 100 : 12); i > 0; --i) {
      bench.machine.Write(Gfn{random() % kModelPages}, random() % 4 == 0 ? 0 : random());
    }
    if (random() % 10 == 0) bench.machine.Touch(Gfn{random() % kModelPages});
    if (random() % 20 == 0) bench.machine.log_interrupted = true;
    if (random() % 25 == 0) {
      const std::uint64_t cut = 1 + random() % (kModelPages - 2);
      const std::uint64_t size = 1 + random() % (kModelPages - cut - 1);
      bench.machine.regions = {{{Gfn{0}, cut}, RegionKind::kRam},
                               {{Gfn{cut}, size}, RegionKind::kBallooned},
                               {{Gfn{cut + size}, kModelPages - cut - size}, RegionKind::kRam}};
    }
    bench.machine.fail_call = random() % 4 == 0 ? bench.machine.calls + 1 + random() % 9 : 0;
    const auto snapshot = bench.Capture();
    ASSERT_FALSE(bench.machine.paused) << "step " << step;
    if (random() % 2 == 0) bench.capturer->MakeReady();
    if (!snapshot.ok()) continue;
    ++published;
    rounds += (*snapshot)->metadata.precopy_rounds;
    ASSERT_EQ(bench.store->arena().bytes_used() / kPageBytes, SlotsNamed(*bench.store));
    copies[(*snapshot)->metadata.generation.value] = in_pause;

    for (const SnapshotPtr& live : bench.store->List()) {
      const auto& copy = copies.at(live->metadata.generation.value);
      const auto slots = live->pages.slots();
      ASSERT_EQ(live->metadata.pages_zero, std::count(slots.begin(), slots.end(), kZeroSlot));
      ASSERT_EQ(live->metadata.pages_present,
                std::count_if(slots.begin(), slots.end(), [](Slot s) { return s < kSlotsMax; }));
      for (std::size_t page = 0; page < slots.size(); ++page) {
        const bool readable = live->metadata.map.KindOf(Gfn{page}) == RegionKind::kRam;
        ASSERT_EQ(slots[page] < kSlotsMax || slots[page] == kZeroSlot, readable);
        if (!readable) continue;
        const auto bytes = PageOf(*live, Gfn{page});
        ASSERT_EQ(std::memcmp(bytes.data(), copy.data() + page * kPageBytes, kPageBytes), 0)
            << "page " << page << " of generation " << live->metadata.generation.value
            << " at step " << step;
      }
    }
  }
  EXPECT_GT(published, 200);
  EXPECT_EQ(rounds > 300, precopied) << rounds;
}

INSTANTIATE_TEST_SUITE_P(Seeds, CapturerModelTest, testing::Range<std::uint64_t>(1, 7));

}  // namespace
}  // namespace stillframe
