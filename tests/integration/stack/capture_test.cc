#include <gtest/gtest.h>

#include <utility>

#include "base/reason.h"
#include "integration/stack/sim_stack.h"
#include "support/eventually.h"

namespace stillframe {
namespace {

using CaptureTest = SimStackTest;

TEST_F(CaptureTest, AFullSnapshotReadRemotelyEqualsTheGuestsMemory) {
  const auto guest = StartGuest("web1", {"--ram-mib", "64", "--vcpus", "2", "--workload", "random",
                                         "--high-memory", "--hole", "0xa0:0x60"});
  ASSERT_NE(guest, nullptr);
  StartStack("period_ms = 50");
  ASSERT_TRUE(stack_->AwaitEpochAfter("web1", "").ok());
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(guest->OperatorPause().ok());
    const auto snapshot = remote().Capture("web1");
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    auto reader = remote().OpenSnapshot(Select("web1", snapshot->generation()));
    ASSERT_TRUE(reader.ok()) << reader.status();

    SimHypervisor judge(guests_.path());
    auto opened = judge.Open(guest->id());
    ASSERT_TRUE(opened.ok()) << opened.status();
    const auto view = (*opened)->Refresh();
    ASSERT_TRUE(view.ok()) << view.status();
    ExpectEqualsMemory(**reader, **view);
    const v1::Snapshot& metadata = (*reader)->metadata();
    EXPECT_EQ(metadata.pages_present() + metadata.pages_zero() + metadata.pages_absent(),
              metadata.page_count());
    EXPECT_EQ(metadata.vcpus_size(), 2);
    ASSERT_TRUE(guest->OperatorResume().ok());
  }
}

TEST_F(CaptureTest, TwentyGenerationsOfATearingGuestAreConsistentLocallyAndRemotely) {
  const auto guest = StartGuest("torn", {"--ram-mib", "32", "--workload", "torn"});
  ASSERT_NE(guest, nullptr);
  StartStack("period_ms = 20\ngenerations_max = 40");
  ASSERT_TRUE(stack_->AwaitEpochAfter("torn", "").ok());
  auto local = Connection::Open(stack_->local_target());
  ASSERT_TRUE(local.ok()) << local.status();
  WatchOptions options;
  options.guest = "torn";
  options.from_generation = 1;
  auto watch = remote().Watch(options);
  ASSERT_TRUE(watch.ok()) << watch.status();
  std::uint64_t last = 0;
  for (int judged = 0; judged < 2 * 20;) {
    const auto event = (*watch)->Next();
    ASSERT_TRUE(event.ok()) << event.status();
    if (!event->has_published()) continue;
    const std::uint64_t generation = event->published().generation();
    EXPECT_GT(generation, std::exchange(last, generation));
    for (Connection* connection : {&remote(), local->get()}) {
      auto reader = connection->OpenSnapshot(Select("torn", generation));
      if (absl::IsOutOfRange(reader.status())) continue;  // reading the one before took longer
      ASSERT_TRUE(reader.ok()) << reader.status();
      const TornVerdict verdict = JudgeTornPages(**reader);
      EXPECT_TRUE(verdict.consistent) << generation << ": " << verdict.reason;
      EXPECT_GT(verdict.pages, 0u);
      ++judged;
    }
  }
}

TEST_F(CaptureTest, TwoHundredCapturesAtOnePercentDirtyKeepTheArenaFlatAndTheWindowFaultless) {
  constexpr std::uint64_t kRamPages = 16384;
  const auto guest =
      StartGuest("steady", {"--ram-mib", "64", "--workload", "random", "--window-pages", "16384",
                            "--dirty-pages-per-second", "16000"});
  ASSERT_NE(guest, nullptr);
  StartStack("period_ms = 0\ngenerations_max = 4");
  ASSERT_TRUE(Eventually([&] { return remote().Capture("steady").ok(); }));
  std::uint64_t faults = 0, most_used = 0;
  for (int i = 0; i < 200; ++i) {
    // Ten milliseconds of the workload are one percent of the pages.
    const std::uint64_t work = guest->status().work[0].load();
    ASSERT_TRUE(Eventually([&] { return guest->status().work[0].load() >= work + 164; }));
    const auto snapshot = remote().Capture("steady");
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    EXPECT_EQ(snapshot->method(), v1::Snapshot::METHOD_DIRTY_LOG);
    faults += snapshot->window_page_faults();
    const auto found = remote().GetGuest("steady");
    ASSERT_TRUE(found.ok());
    most_used = std::max<std::uint64_t>(most_used, found->statistics().arena_bytes_used());
  }
  EXPECT_EQ(faults, 0u);
  // The newest generation, and three older ones of which each may differ in what was dirty.
  EXPECT_LE(most_used >> kPageShift, kRamPages + 3 * kRamPages / 4);
  RecordProperty("arena_pages_used_max", std::to_string(most_used >> kPageShift));
}

TEST_F(CaptureTest, ARebootBeginsANewEpochAndAnEvictedGenerationSaysSo) {
  const auto guest = StartGuest("web1", {"--ram-mib", "16", "--workload", "sequential"});
  ASSERT_NE(guest, nullptr);
  StartStack("period_ms = 10\ngenerations_max = 2");
  const auto epoch = stack_->AwaitEpochAfter("web1", "");
  ASSERT_TRUE(epoch.ok()) << epoch.status();
  ASSERT_TRUE(Eventually([&] {
    return ReasonOf(remote().GetSnapshot(Select("web1", 1)).status()).name == "GENERATION_EVICTED";
  }));
  auto held = remote().OpenSnapshot(Select("web1"));
  ASSERT_TRUE(held.ok()) << held.status();
  ASSERT_TRUE(guest->Reboot().ok());
  ASSERT_TRUE(stack_->AwaitEpochAfter("web1", *epoch).ok());
  const absl::Status old = remote().GetSnapshot(Select("web1", 0, *epoch)).status();
  EXPECT_EQ(ReasonOf(old).name, "EPOCH_CHANGED") << old;
  std::vector<std::byte> page(kPageBytes);
  EXPECT_TRUE((*held)->ReadAt(0, page).ok());
}

TEST_F(CaptureTest, BalloonedPagesAreReportedAsSuch) {
  const auto guest = StartGuest("web1", {"--ram-mib", "16", "--workload", "random"});
  ASSERT_NE(guest, nullptr);
  StartStack("period_ms = 0");
  ASSERT_TRUE(Eventually([&] { return remote().Capture("web1").ok(); }));
  ASSERT_TRUE(guest->BalloonOut({Gfn{100}, 50}).ok());
  const auto snapshot = remote().Capture("web1");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  auto reader = remote().OpenSnapshot(Select("web1", snapshot->generation()));
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::uint64_t ballooned = 0;
  ASSERT_TRUE((*reader)
                  ->ForEachAllocatedExtent([&](GfnRange extent, v1::PageStatus status) {
                    if (status != v1::PAGE_STATUS_ABSENT_BALLOONED) return absl::OkStatus();
                    EXPECT_EQ(extent, (GfnRange{Gfn{100}, 50}));
                    ballooned += extent.pages;
                    return absl::OkStatus();
                  })
                  .ok());
  EXPECT_EQ(ballooned, 50u);
}

TEST_F(CaptureTest, AGuestThatDiesIsReportedAndTheOthersGoOn) {
  const auto dying = StartGuest("dying", {"--ram-mib", "16", "--workload", "random"});
  const auto living = StartGuest("living", {"--ram-mib", "16", "--workload", "random"});
  StartStack("period_ms = 10");
  ASSERT_TRUE(stack_->AwaitEpochAfter("dying", "").ok());
  ASSERT_TRUE(stack_->AwaitEpochAfter("living", "").ok());
  WatchOptions options;
  options.guest = "dying";
  auto watch = remote().Watch(options);
  ASSERT_TRUE(watch.ok()) << watch.status();
  ASSERT_TRUE(dying->Die().ok());
  for (;;) {
    const auto event = (*watch)->Next();
    ASSERT_TRUE(event.ok()) << event.status();
    if (event->has_guest_gone()) break;
  }
  ASSERT_TRUE(Eventually(
      [&] { return ReasonOf(remote().GetGuest("dying").status()).name == "GUEST_NOT_FOUND"; }));
  EXPECT_TRUE(remote().Capture("living").ok());
}

}  // namespace
}  // namespace stillframe
