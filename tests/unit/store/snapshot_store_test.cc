#include "store/snapshot_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/reason.h"
#include "support/fake_clock.h"

namespace stillframe {
namespace {

constexpr std::size_t kSegmentBytes = 64 * kPageBytes;

class SnapshotStoreTest : public testing::Test {
 protected:
  void MakeStore(Retention retention, std::uint64_t segments = 8, ArenaSecrecy secrecy = {}) {
    Arena::Options options;
    options.secrecy = secrecy;
    options.name = "test";
    options.segment_bytes = kSegmentBytes;
    options.bytes_max = segments * kSegmentBytes;
    GuestIdentity guest;
    guest.name = "web1";
    auto store = SnapshotStore::Create(guest, Epoch::Random(), std::make_shared<Arena>(options),
                                       retention, clock_, events_);
    ASSERT_TRUE(store.ok());
    store_ = *std::move(store);
  }

  // A generation in which `fresh` pages (of 16) got new slots and the others kept theirs.
  absl::StatusOr<SnapshotPtr> PublishWith(std::vector<std::size_t> fresh) {
    slots_.resize(16, kZeroSlot);
    std::vector<SlotRun> runs;
    const absl::Status reserved = store_->arena().Reserve(fresh.size(), runs);
    if (!reserved.ok()) return reserved;
    std::size_t at = 0;
    for (const SlotRun& run : runs) {
      for (Slot slot = run.first; slot < run.first + run.count; ++slot) slots_[fresh[at++]] = slot;
    }
    SnapshotMetadata metadata;
    metadata.generation = Generation{++generation_};
    return store_->Publish(std::move(metadata), slots_);
  }

  std::uint64_t UsedPages() const { return store_->arena().bytes_used() / kPageBytes; }

  FakeClock clock_;
  EventLog events_{1000};
  std::unique_ptr<SnapshotStore> store_;
  std::vector<Slot> slots_;
  std::uint64_t generation_ = 0;
};

TEST_F(SnapshotStoreTest, SaysPreciselyWhyAGenerationIsNotThere) {
  MakeStore({.generations_max = 2});
  EXPECT_EQ(ReasonOf(store_->Get(Generation{1}).status()).name, "NO_SNAPSHOT_YET");
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(PublishWith({0}).ok());
  const absl::Status evicted = store_->Get(Generation{1}).status();
  EXPECT_TRUE(absl::IsOutOfRange(evicted));
  EXPECT_EQ(ReasonOf(evicted).name, "GENERATION_EVICTED");
  EXPECT_EQ(ReasonOf(evicted).metadata.at("oldest_generation"), "3");
  const absl::Status future = store_->Get(Generation{9}).status();
  EXPECT_TRUE(absl::IsNotFound(future));
  EXPECT_EQ(ReasonOf(future).name, "GENERATION_NOT_YET");
  EXPECT_EQ((*store_->Get(Generation{}))->metadata.generation.value, 4u);
}

TEST_F(SnapshotStoreTest, RefusesAGenerationOutOfOrder) {
  MakeStore({});
  SnapshotMetadata metadata;
  metadata.generation = Generation{2};
  const std::vector<Slot> slots(4, kZeroSlot);
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->Publish(metadata, slots).status()));
}

TEST_F(SnapshotStoreTest, MachineFramesAreOfAsManyPagesAndSayWhatPageTablesName) {
  MakeStore({});
  const std::vector<Slot> slots(4, kZeroSlot);
  const auto seal = [](std::vector<std::uint64_t> table) {
    return std::make_shared<const MachineFrames>(*MachineFrames::Seal("test", table));
  };
  SnapshotMetadata metadata;
  metadata.generation = Generation{1};
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Publish(metadata, slots, seal({1, 2, 3})).status()));
  const auto frames = seal({1, 2, 3, 4});
  const auto first = store_->Publish(metadata, slots, frames);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ((*first)->machine_frames, frames);
  EXPECT_EQ((*first)->metadata.frame_space, FrameSpace::kMachine);
  metadata.generation = Generation{2};
  EXPECT_EQ((*store_->Publish(metadata, slots))->metadata.frame_space, FrameSpace::kGuest);
}

TEST_F(SnapshotStoreTest, EvictionFreesExactlyTheSlotsNobodyElseNames) {
  MakeStore({.generations_max = 1});
  ASSERT_TRUE(PublishWith({0, 1, 2}).ok());
  EXPECT_EQ(UsedPages(), 3u);
  ASSERT_TRUE(PublishWith({1}).ok());
  EXPECT_EQ(UsedPages(), 3u);
  ASSERT_TRUE(PublishWith({0, 1, 2, 3}).ok());
  EXPECT_EQ(UsedPages(), 4u);
}

TEST_F(SnapshotStoreTest, APinnedGenerationStaysWhileNewerOnesGo) {
  MakeStore({.generations_max = 1});
  ASSERT_TRUE(PublishWith({0, 1}).ok());
  auto pinned = store_->Pin(Generation{1}, 0);
  ASSERT_TRUE(pinned.ok());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(PublishWith({0}).ok());
  EXPECT_TRUE(store_->Get(Generation{1}).ok());
  EXPECT_FALSE(store_->Get(Generation{3}).ok());
  EXPECT_EQ(UsedPages(), 3u);
  store_->Release(pinned->pin);
  EXPECT_FALSE(store_->Get(Generation{1}).ok());
  EXPECT_EQ(UsedPages(), 2u);
}

TEST_F(SnapshotStoreTest, APinEndsWithItsTimeAndTheLivenessWordSaysSo) {
  MakeStore({.generations_max = 1});
  ASSERT_TRUE(PublishWith({0}).ok());
  auto pinned = store_->Pin(Generation{}, 100);
  ASSERT_TRUE(pinned.ok());
  ASSERT_TRUE(PublishWith({0}).ok());
  auto control =
      Mapping::Shared(store_->control().fd(), 0, store_->control().bytes(), Access::kReadOnly);
  ASSERT_TRUE(control.ok());
  const auto* word = reinterpret_cast<const std::atomic<std::uint64_t>*>(control->data()) +
                     pinned->snapshot->liveness_index;
  clock_.AdvanceMs(99);
  EXPECT_NE(store_->ExpirePins(), 0u);
  EXPECT_EQ(word->load(), 1u);
  ASSERT_TRUE(store_->Renew(pinned->pin, 100).ok());
  clock_.AdvanceMs(99);
  store_->ExpirePins();
  EXPECT_EQ(word->load(), 1u);
  clock_.AdvanceMs(1);
  EXPECT_EQ(store_->ExpirePins(), 0u);
  EXPECT_EQ(word->load(), 0u);
  EXPECT_EQ(ReasonOf(store_->Renew(pinned->pin, 100)).name, "PIN_NOT_FOUND");
}

TEST_F(SnapshotStoreTest, APinCannotBeRenewedPastItsGreatestAge) {
  MakeStore({.generations_max = 1, .pin_age_ms_max = 150});
  ASSERT_TRUE(PublishWith({0}).ok());
  auto pinned = store_->Pin(Generation{1}, 100);
  ASSERT_TRUE(pinned.ok());
  clock_.AdvanceMs(90);
  ASSERT_TRUE(store_->Renew(pinned->pin, 100).ok());
  clock_.AdvanceMs(60);
  store_->ExpirePins();
  EXPECT_EQ(store_->pin_count(), 0u);
}

TEST_F(SnapshotStoreTest, PinsAreBounded) {
  MakeStore({.pins_max = 2});
  ASSERT_TRUE(PublishWith({0}).ok());
  ASSERT_TRUE(store_->Pin(Generation{}, 0).ok());
  ASSERT_TRUE(store_->Pin(Generation{}, 0).ok());
  const absl::Status third = store_->Pin(Generation{}, 0).status();
  EXPECT_TRUE(absl::IsResourceExhausted(third));
  EXPECT_EQ(ReasonOf(third).metadata.at("limit"), "pins_max");
}

TEST_F(SnapshotStoreTest, MakeRoomEvictsOldUnpinnedGenerationsButNeverTheNewest) {
  MakeStore({.generations_max = 100}, 1);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(PublishWith({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}).ok());
  }
  auto pinned = store_->Pin(Generation{1}, 0);
  ASSERT_TRUE(pinned.ok());
  EXPECT_TRUE(store_->MakeRoom(32));
  EXPECT_TRUE(store_->Get(Generation{1}).ok());
  EXPECT_FALSE(store_->Get(Generation{2}).ok());
  EXPECT_FALSE(store_->Get(Generation{3}).ok());
  EXPECT_FALSE(store_->MakeRoom(33));
  EXPECT_TRUE(store_->Get(Generation{4}).ok());
}

TEST_F(SnapshotStoreTest, TellsWatchersWhatWasPublishedAndEvicted) {
  MakeStore({.generations_max = 1});
  ASSERT_TRUE(PublishWith({0}).ok());
  ASSERT_TRUE(PublishWith({0}).ok());
  const auto batch = events_.Read(0, 10);
  ASSERT_EQ(batch.events.size(), 3u);
  EXPECT_EQ(batch.events[1].kind, SnapshotEvent::Kind::kPublished);
  EXPECT_EQ(batch.events[1].published->generation.value, 2u);
  EXPECT_EQ(batch.events[2].kind, SnapshotEvent::Kind::kEvicted);
  EXPECT_EQ(batch.events[2].generation.value, 1u);
  EXPECT_EQ(batch.events[2].oldest.value, 2u);
}

TEST_F(SnapshotStoreTest, WhoStillReadsWhenAStoreIsWipedLosesHisPinFirst) {
  for (const bool wipe : {false, true}) {
    generation_ = 0;
    MakeStore({.generations_max = 2}, 8, {.lock = false, .wipe = wipe});
    const auto published = PublishWith({0});
    ASSERT_TRUE(published.ok());
    const UniqueFd control(dup(store_->control().fd()));
    const std::uint32_t index = (*published)->liveness_index;
    store_.reset();
    std::uint64_t word = 77;
    ASSERT_EQ(pread(control.get(), &word, sizeof word, static_cast<off_t>(index * sizeof word)),
              static_cast<ssize_t>(sizeof word));
    EXPECT_EQ(word, wipe ? 0u : 1u);
  }
}

}  // namespace
}  // namespace stillframe
