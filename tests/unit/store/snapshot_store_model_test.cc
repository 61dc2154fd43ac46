// A seeded random history of publishing, pinning and releasing, compared after every step with a
// model that simply keeps whole copies.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>

#include "store/snapshot_store.h"
#include "support/fake_clock.h"
#include "support/snapshot_bytes.h"

namespace stillframe {
namespace {

constexpr std::size_t kPages = 97;
constexpr std::size_t kModelSegmentBytes = 128 * kPageBytes;
constexpr std::uint64_t kKept = 5;

class StoreModelTest : public testing::TestWithParam<std::uint64_t> {};

TEST_P(StoreModelTest, EveryReadableGenerationKeepsItsBytesAndNothingLeaks) {
  std::mt19937_64 random(GetParam());
  FakeClock clock;
  EventLog events(64);
  Arena::Options options;
  options.name = "model";
  options.segment_bytes = kModelSegmentBytes;
  options.bytes_max = 64 * kModelSegmentBytes;
  auto arena = std::make_shared<Arena>(options);
  auto store =
      SnapshotStore::Create({}, Epoch::Random(), arena, {.generations_max = kKept}, clock, events);
  ASSERT_TRUE(store.ok());

  using Contents = std::vector<std::uint64_t>;  // one word per page stands for its content
  std::map<std::uint64_t, Contents> model;      // every generation ever
  std::map<std::uint64_t, std::vector<PinId>> pins;
  std::vector<Slot> slots(kPages, kZeroSlot);
  Contents contents(kPages, 0);
  std::uint64_t newest = 0;

  for (int step = 0; step < 400; ++step) {
    const std::uint64_t action = random() % 10;
    if (action < 6) {
      const std::size_t changes = random() % 20;
      std::map<std::size_t, Slot> fresh;  // pages that got a slot of their own just now
      for (std::size_t i = 0; i < changes; ++i) {
        const std::size_t page = random() % kPages;
        const bool to_zero = random() % 5 == 0;
        if (to_zero) {
          if (fresh.contains(page)) arena->Free({fresh.extract(page).mapped(), 1});
          slots[page] = kZeroSlot;
          contents[page] = 0;
          continue;
        }
        if (!fresh.contains(page)) {
          std::vector<SlotRun> runs;
          ASSERT_TRUE(arena->Reserve(1, runs).ok());
          slots[page] = fresh[page] = runs[0].first;
        }
        contents[page] = random() | 1;
        std::memcpy(arena->At(slots[page]), &contents[page], sizeof contents[page]);
      }
      SnapshotMetadata metadata;
      metadata.generation = Generation{++newest};
      ASSERT_TRUE((*store)->Publish(metadata, slots).ok());
      model[newest] = contents;
    } else if (action < 8) {
      if (newest == 0) continue;
      const std::uint64_t wanted = 1 + random() % newest;
      auto pinned = (*store)->Pin(Generation{wanted}, 0);
      if (pinned.ok()) pins[wanted].push_back(pinned->pin);
    } else if (!pins.empty()) {
      auto holder = std::next(pins.begin(), static_cast<long>(random() % pins.size()));
      (*store)->Release(holder->second.back());
      holder->second.pop_back();
      if (holder->second.empty()) pins.erase(holder);
    }

    std::uint64_t slots_named = 0;
    std::map<Slot, bool> named;
    for (std::uint64_t generation = 1; generation <= newest; ++generation) {
      const bool expected = generation + kKept > newest || pins.contains(generation);
      const auto snapshot = (*store)->Get(Generation{generation});
      ASSERT_EQ(snapshot.ok(), expected) << "generation " << generation << " at step " << step;
      if (!expected) continue;
      for (std::size_t page = 0; page < kPages; ++page) {
        std::uint64_t word;
        std::memcpy(&word, PageOf(**snapshot, Gfn{page}).data(), sizeof word);
        ASSERT_EQ(word, model[generation][page]) << "page " << page << " of " << generation;
        const Slot slot = (*snapshot)->pages.slots()[page];
        if (slot < kSlotsMax && named.emplace(slot, true).second) ++slots_named;
      }
    }
    ASSERT_EQ(arena->bytes_used() / kPageBytes, slots_named) << "at step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, StoreModelTest, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace stillframe
