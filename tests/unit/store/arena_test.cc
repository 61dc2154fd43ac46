#include "store/arena.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/reason.h"
#include "support/vm_flags.h"

namespace stillframe {
namespace {

constexpr std::size_t kSegmentBytes = 64 * kPageBytes;

Arena::Options Small(std::uint64_t bytes_max) {
  Arena::Options options;
  options.name = "test";
  options.bytes_max = bytes_max;
  options.segment_bytes = kSegmentBytes;
  return options;
}

std::uint64_t Total(const std::vector<SlotRun>& runs) {
  std::uint64_t total = 0;
  for (const SlotRun& run : runs) total += run.count;
  return total;
}

TEST(ArenaTest, ReservesExactlyWhatWasAskedForAndNothingTwice) {
  Arena arena(Small(4 * kSegmentBytes));
  std::vector<SlotRun> runs;
  ASSERT_TRUE(arena.Reserve(100, runs).ok());
  ASSERT_TRUE(arena.Reserve(28, runs).ok());
  std::set<Slot> seen;
  for (const SlotRun& run : runs) {
    for (Slot slot = run.first; slot < run.first + run.count; ++slot) {
      EXPECT_TRUE(seen.insert(slot).second) << slot;
    }
  }
  EXPECT_EQ(seen.size(), 128u);
  EXPECT_EQ(arena.bytes_used(), 128 * kPageBytes);
}

TEST(ArenaTest, RunsNeverCrossASegment) {
  Arena arena(Small(4 * kSegmentBytes));
  std::vector<SlotRun> runs;
  ASSERT_TRUE(arena.Reserve(200, runs).ok());
  for (const SlotRun& run : runs) {
    EXPECT_EQ(run.first / 64, (run.first + run.count - 1) / 64);
  }
}

TEST(ArenaTest, NamesTheLimitThatWasReachedAndTakesNothing) {
  Arena arena(Small(2 * kSegmentBytes));
  std::vector<SlotRun> runs;
  const absl::Status status = arena.Reserve(129, runs);
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(ReasonOf(status).name, "LIMIT_EXCEEDED");
  EXPECT_EQ(ReasonOf(status).metadata.at("limit"), "arena_bytes_max of the guest");
  EXPECT_TRUE(runs.empty());
  EXPECT_EQ(arena.bytes_used(), 0u);
}

TEST(ArenaTest, SharesABudgetAndReturnsItsPart) {
  auto budget = std::make_shared<ArenaBudget>(2 * kSegmentBytes);
  auto options = Small(8 * kSegmentBytes);
  options.budget = budget;
  std::vector<SlotRun> runs;
  {
    Arena arena(options);
    ASSERT_TRUE(arena.Reserve(65, runs).ok());
    Arena other(options);
    EXPECT_FALSE(other.CanReserve(1));
    const absl::Status status = other.Reserve(1, runs);
    EXPECT_EQ(ReasonOf(status).metadata.at("limit"), "arena_bytes_max of the daemon");
  }
  EXPECT_EQ(budget->available(), 2 * kSegmentBytes);
}

TEST(ArenaTest, FreedSlotsAreGivenOutAgainBeforeTheArenaGrows) {
  Arena arena(Small(4 * kSegmentBytes));
  std::vector<SlotRun> first, second;
  ASSERT_TRUE(arena.Reserve(64, first).ok());
  arena.Free({10, 20});
  ASSERT_TRUE(arena.Reserve(20, second).ok());
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].first, 10u);
  EXPECT_EQ(second[0].count, 20u);
  EXPECT_EQ(arena.segment_count(), 1u);
  EXPECT_EQ(Total(second), 20u);
}

TEST(ArenaTest, ReadersCanMapSegmentsButNeverWriteOrResizeThem) {
  Arena arena(Small(kSegmentBytes));
  std::vector<SlotRun> runs;
  ASSERT_TRUE(arena.Reserve(1, runs).ok());
  const int fd = arena.segment_fd(0);
  EXPECT_EQ(mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
  EXPECT_NE(ftruncate(fd, 0), 0);
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const int writable = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (writable >= 0) {
    EXPECT_EQ(mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, writable, 0),
              MAP_FAILED);
    EXPECT_LT(pwrite(writable, "x", 1, 0), 0);
    EXPECT_NE(ftruncate(writable, 0), 0);
    close(writable);
  }
  void* at = mmap(nullptr, kPageBytes, PROT_READ, MAP_SHARED, fd, 0);
  ASSERT_NE(at, MAP_FAILED);
  *arena.At(runs[0].first) = std::byte{42};
  EXPECT_EQ(*static_cast<std::byte*>(at), std::byte{42});
  munmap(at, kPageBytes);
}

// As a reader would: through the descriptor that readers get.
std::vector<std::byte> SeenByReaders(int segment_fd) {
  std::vector<std::byte> bytes(kSegmentBytes);
  EXPECT_EQ(pread(segment_fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(kSegmentBytes));
  return bytes;
}

Arena::Options Wiping(std::uint64_t bytes_max) {
  Arena::Options options = Small(bytes_max);
  options.secrecy.wipe = true;
  return options;
}

void Fill(Arena& arena, const std::vector<SlotRun>& runs) {
  for (const SlotRun& run : runs) {
    std::fill_n(arena.At(run.first), std::size_t{run.count} * kPageBytes, std::byte{0x5e});
  }
}

TEST(ArenaTest, WipesWhatIsFreedBeforeAnybodyGetsItAgain) {
  Arena arena(Wiping(kSegmentBytes));
  std::vector<SlotRun> runs;
  ASSERT_TRUE(arena.Reserve(64, runs).ok());
  Fill(arena, runs);
  arena.Free({8, 16});
  EXPECT_TRUE(arena.CanReserve(16));
  EXPECT_FALSE(arena.CanReserve(17));
  std::vector<SlotRun> again;
  ASSERT_TRUE(arena.Reserve(16, again).ok());  // waits for it
  ASSERT_EQ(Total(again), 16u);
  const std::vector<std::byte> seen = SeenByReaders(arena.segment_fd(0));
  for (std::size_t page = 0; page < 64; ++page) {
    const std::byte expected = page >= 8 && page < 24 ? std::byte{0} : std::byte{0x5e};
    EXPECT_EQ(seen[page * kPageBytes], expected) << page;
    EXPECT_EQ(seen[(page + 1) * kPageBytes - 1], expected) << page;
  }
}

TEST(ArenaTest, WipesAllThatIsLeftWhenItGoes) {
  UniqueFd kept;
  {
    Arena arena(Wiping(kSegmentBytes));
    std::vector<SlotRun> runs;
    ASSERT_TRUE(arena.Reserve(40, runs).ok());
    Fill(arena, runs);
    kept.reset(dup(arena.segment_fd(0)));
  }
  for (const std::byte byte : SeenByReaders(kept.get())) ASSERT_EQ(byte, std::byte{0});
}

TEST(ArenaTest, KeepsWhatReadersStillMapUnlessItWipes) {
  UniqueFd kept;
  {
    Arena arena(Small(kSegmentBytes));
    std::vector<SlotRun> runs;
    ASSERT_TRUE(arena.Reserve(40, runs).ok());
    Fill(arena, runs);
    kept.reset(dup(arena.segment_fd(0)));
  }
  EXPECT_EQ(SeenByReaders(kept.get())[0], std::byte{0x5e});
}

TEST(ArenaTest, IsInNoCoreDumpAndLockedWhereAskedFor) {
  for (const bool lock : {false, true}) {
    Arena::Options options = Small(kSegmentBytes);
    options.name = "arena-flags-test";
    options.secrecy.lock = lock;
    Arena arena(options);
    std::vector<SlotRun> runs;
    ASSERT_TRUE(arena.Reserve(1, runs).ok());
    const auto found = MappingsNamed("self", options.name);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_TRUE(found[0].Has("dd")) << found[0].flags;
    EXPECT_EQ(found[0].Has("lo"), lock) << found[0].flags;
  }
}

}  // namespace
}  // namespace stillframe
