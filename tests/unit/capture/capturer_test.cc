#include "capture/capturer.h"

#include <gtest/gtest.h>

#include <random>

#include "base/reason.h"
#include "unit/capture/capture_bench.h"

namespace stillframe {
namespace {

// The sanitizers' shadow memory is faulted in when it is first touched, in the window too.
#if defined(__SANITIZE_ADDRESS__) || defined(_GLIBCXX_TSAN)
constexpr bool kCountsFaults = false;
#else
constexpr bool kCountsFaults = true;
#endif

TEST(CapturerTest, TheFirstGenerationIsAWholeCopyWithZeroPagesFolded) {
  CaptureBench bench(64);
  for (std::uint64_t page = 0; page < 32; ++page) bench.machine.Write(Gfn{page}, page + 1);
  const auto snapshot = bench.Capture();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  const SnapshotMetadata& metadata = (*snapshot)->metadata;
  EXPECT_EQ(metadata.generation.value, 1u);
  EXPECT_EQ(metadata.method, CaptureMethod::kFull);
  EXPECT_EQ(metadata.pages_present, 32u);
  EXPECT_EQ(metadata.pages_zero, 32u);
  EXPECT_EQ(metadata.pages_absent, 0u);
  EXPECT_EQ(metadata.pages_changed, 64u);
  EXPECT_EQ(BytesOf(**snapshot), bench.machine.Copy());
  EXPECT_EQ(bench.store->arena().bytes_used(), 32 * kPageBytes);
  EXPECT_FALSE(bench.machine.paused);
}

TEST(CapturerTest, ALaterGenerationCopiesOnlyDirtyPagesAndCountsOnlyChangedContent) {
  CaptureBench bench(64);
  for (std::uint64_t page = 0; page < 64; ++page) bench.machine.Write(Gfn{page}, page + 1);
  ASSERT_TRUE(bench.Capture().ok());
  bench.machine.Write(Gfn{5}, 1000);
  bench.machine.Write(Gfn{6}, 0);
  bench.machine.Touch(Gfn{7});
  const auto snapshot = bench.Capture();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ((*snapshot)->metadata.method, CaptureMethod::kDirtyLog);
  EXPECT_EQ((*snapshot)->metadata.pages_copied, 3u);
  EXPECT_EQ((*snapshot)->metadata.pages_changed, 2u);
  EXPECT_EQ(BytesOf(**snapshot), bench.machine.Copy());
  const auto first = bench.store->Get(Generation{1});
  EXPECT_EQ((*first)->pages.slots()[7], (*snapshot)->pages.slots()[7]);
  EXPECT_EQ((*snapshot)->pages.slots()[6], kZeroSlot);
  EXPECT_EQ(bench.store->arena().bytes_used(), 65 * kPageBytes);
}

TEST(CapturerTest, AnInterruptedLogMakesAFullCopyEvenIfItTakesASecondWindow) {
  CaptureBench bench(4096);
  ASSERT_TRUE(bench.Capture().ok());
  bench.machine.Write(Gfn{5}, 1000);
  bench.machine.log_interrupted = true;
  const std::uint64_t pauses = bench.machine.pauses;
  const auto snapshot = bench.Capture();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(bench.machine.pauses, pauses + 2) << "more was pending than had been estimated";
  EXPECT_EQ((*snapshot)->metadata.method, CaptureMethod::kFull);
  EXPECT_EQ((*snapshot)->metadata.pages_copied, 4096u);
  EXPECT_EQ(BytesOf(**snapshot), bench.machine.Copy());
}

TEST(CapturerTest, WithoutADirtyLogChangesAreFoundByComparing) {
  CaptureBench bench(64);
  bench.machine.has_log = false;
  for (std::uint64_t page = 0; page < 64; ++page) bench.machine.Write(Gfn{page}, page + 1);
  ASSERT_TRUE(bench.Capture().ok());
  bench.machine.Write(Gfn{5}, 1000);
  const auto snapshot = bench.Capture();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ((*snapshot)->metadata.method, CaptureMethod::kCompare);
  EXPECT_EQ((*snapshot)->metadata.pages_copied, 64u);
  EXPECT_EQ((*snapshot)->metadata.pages_changed, 1u);
  EXPECT_EQ(BytesOf(**snapshot), bench.machine.Copy());
  EXPECT_EQ(bench.store->arena().bytes_used(), 65 * kPageBytes);
}

TEST(CapturerTest, AnInterruptedDirtyLogIsAnsweredByAFullCopy) {
  CaptureBench bench(64);
  ASSERT_TRUE(bench.Capture().ok());
  bench.machine.Write(Gfn{9}, 9);
  bench.machine.log_interrupted = true;
  const auto snapshot = bench.Capture();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ((*snapshot)->metadata.method, CaptureMethod::kFull);
  EXPECT_EQ((*snapshot)->metadata.pages_copied, 64u);
  EXPECT_EQ(BytesOf(**snapshot), bench.machine.Copy());
}

TEST(CapturerTest, AbsentPagesSayOfWhatKindTheyAre) {
  CaptureBench bench(64);
  bench.machine.regions = {{{Gfn{0}, 16}, RegionKind::kRam},
                           {{Gfn{16}, 4}, RegionKind::kMmio},
                           {{Gfn{24}, 8}, RegionKind::kRam},
                           {{Gfn{32}, 8}, RegionKind::kBallooned}};
  const auto first = bench.Capture();
  ASSERT_TRUE(first.ok()) << first.status();
  const auto slots = (*first)->pages.slots();
  ASSERT_EQ(slots.size(), 40u);
  EXPECT_EQ(slots[15], kZeroSlot);
  EXPECT_EQ(slots[16], kMmioSlot);
  EXPECT_EQ(slots[20], kHoleSlot);
  EXPECT_EQ(slots[32], kBalloonedSlot);
  EXPECT_EQ((*first)->metadata.pages_absent, 16u);

  bench.machine.regions[3].kind = RegionKind::kRam;
  bench.machine.Write(Gfn{33}, 33);
  bench.machine.Write(Gfn{2}, 2);
  bench.machine.regions[0].range.pages = 2;
  const auto second = bench.Capture();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ((*second)->pages.slots()[2], kHoleSlot);
  EXPECT_EQ(StateOf((*second)->pages.slots()[33]), PageState::kPresent);
  EXPECT_EQ(PageOf(**second, Gfn{33}),
            std::vector<std::byte>(bench.machine.PageAt(Gfn{33}),
                                   bench.machine.PageAt(Gfn{33}) + kPageBytes));
}

TEST(CapturerTest, GenerationsShareTheTableOfMachineFramesUntilItChanges) {
  CaptureBench bench(16);
  std::vector<std::uint64_t> table(20);  // longer than the map: what is past its end is left out
  for (std::uint64_t page = 0; page < 20; ++page) table[page] = 1000 - page;
  bench.machine.machine_frames = std::make_shared<const std::vector<std::uint64_t>>(table);
  const auto first = bench.Capture();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ((*first)->metadata.frame_space, FrameSpace::kMachine);
  ASSERT_EQ((*first)->machine_frames->frames().size(), 16u);
  EXPECT_EQ((*first)->machine_frames->frames()[15], 985u);
  EXPECT_EQ((*bench.Capture())->machine_frames, (*first)->machine_frames);

  // Another view with the same table.
  bench.machine.regions = {{{Gfn{0}, 8}, RegionKind::kRam},
                           {{Gfn{8}, 1}, RegionKind::kMmio},
                           {{Gfn{9}, 7}, RegionKind::kRam}};
  EXPECT_EQ((*bench.Capture())->machine_frames, (*first)->machine_frames);

  table[0] = 2000;
  bench.machine.machine_frames = std::make_shared<const std::vector<std::uint64_t>>(table);
  const auto moved = bench.Capture();
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_EQ((*moved)->machine_frames->frames()[0], 2000u);
  EXPECT_EQ((*first)->machine_frames->frames()[0], 1000u);

  bench.machine.regions.pop_back();
  EXPECT_EQ((*bench.Capture())->machine_frames->frames().size(), 9u);
}

TEST(CapturerTest, ATableOfMachineFramesThatIsTooShortIsNoSnapshotButLosesNothing) {
  CaptureBench bench(16);
  bench.machine.Write(Gfn{3}, 3);
  bench.machine.machine_frames = std::make_shared<const std::vector<std::uint64_t>>(15, 1);
  EXPECT_TRUE(absl::IsInternal(bench.Capture().status()));
  bench.machine.machine_frames = nullptr;
  const auto snapshot = bench.Capture();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ((*snapshot)->metadata.frame_space, FrameSpace::kGuest);
  EXPECT_EQ((*snapshot)->machine_frames, nullptr);
  EXPECT_EQ(BytesOf(**snapshot), bench.machine.Copy());
}

TEST(CapturerTest, BackendPagesAreCountedOnceTheGuestRunsAgain) {
  CaptureBench bench(16);
  EXPECT_FALSE((*bench.Capture())->metadata.pages_backend_mapped.has_value());
  bench.machine.backend_pages = 5;
  EXPECT_EQ((*bench.Capture())->metadata.pages_backend_mapped, 5u);
}

TEST(CapturerTest, ARefusedReservationDoesNotPauseTheGuest) {
  CaptureBench bench(1024, {}, 2);
  for (std::uint64_t page = 0; page < 1024; ++page) bench.machine.Write(Gfn{page}, 1);
  const absl::Status status = bench.Capture().status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(ReasonOf(status).name, "LIMIT_EXCEEDED");
  EXPECT_EQ(bench.machine.pauses, 0u);
}

TEST(CapturerTest, WithoutAGuardianTheGuestIsNotPaused) {
  CaptureBench bench(16);
  bench.guard.arm_status = absl::UnavailableError("no guardian");
  EXPECT_TRUE(absl::IsUnavailable(bench.Capture().status()));
  EXPECT_EQ(bench.machine.pauses, 0u);
}

TEST(CapturerTest, APauseThatTheGuardianEndedIsNoSnapshot) {
  CaptureBench bench(16);
  bench.guard.disarm_status = absl::DeadlineExceededError("the guardian was faster");
  EXPECT_TRUE(absl::IsDeadlineExceeded(bench.Capture().status()));
  bench.guard.disarm_status = absl::OkStatus();
  const auto snapshot = bench.Capture();
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ((*snapshot)->metadata.generation.value, 1u);
}

TEST(CapturerTest, CancellingResumesAndLosesNoDirtyPage) {
  CaptureBench bench(1024);
  ASSERT_TRUE(bench.Capture().ok());
  for (std::uint64_t page = 0; page < 1024; ++page) bench.machine.Write(Gfn{page}, page + 7);
  bench.machine.while_paused = [&bench] { bench.cancelled = true; };
  EXPECT_TRUE(absl::IsCancelled(bench.Capture().status()));
  EXPECT_FALSE(bench.machine.paused);
  bench.machine.while_paused = nullptr;
  bench.cancelled = false;
  const auto snapshot = bench.Capture();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(BytesOf(**snapshot), bench.machine.Copy());
}

TEST(CapturerTest, ADirtySetThatOutgrowsItsReservationIsCapturedInASecondWindow) {
  CaptureBench bench(8192);
  ASSERT_TRUE(bench.Capture().ok());
  bool once = true;
  bench.machine.while_paused = [&] {
    if (!std::exchange(once, false)) return;
    for (std::uint64_t page = 0; page < 8192; ++page) bench.machine.Write(Gfn{page}, page + 1);
  };
  const auto snapshot = bench.Capture();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(bench.machine.pauses, 3u);
  EXPECT_EQ(BytesOf(**snapshot), bench.machine.Copy());
}

TEST(CapturerTest, ArenaStaysFlatOverManyGenerations) {
  CaptureBench bench(1000, {.generations_max = 4});
  for (std::uint64_t page = 0; page < 1000; ++page) bench.machine.Write(Gfn{page}, page + 1);
  std::mt19937_64 random(1);
  for (int generation = 0; generation < 200; ++generation) {
    for (int i = 0; i < 10; ++i) bench.machine.Write(Gfn{random() % 1000}, random() | 1);
    const auto snapshot = bench.Capture();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    ASSERT_LE(bench.store->arena().bytes_used(), (1000 + 3 * 10) * kPageBytes);
    if (kCountsFaults && generation > 0) {
      ASSERT_EQ((*snapshot)->metadata.window_page_faults, 0u) << generation;
    }
  }
}

}  // namespace
}  // namespace stillframe
