// What only the simulated backend promises: its workloads, its socket, its page-fault-free window.

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "guest/machine_to_guest.h"
#include "guest/sim/sim_hypervisor.h"
#include "guest/sim/sim_resumer.h"
#include "support/eventually.h"
#include "support/page_walk.h"
#include "support/sim_process.h"
#include "support/temp_directory.h"

namespace stillframe {
namespace {

struct SimGuestTest : testing::Test {
  std::unique_ptr<SimProcess> Start(const std::string& name,
                                    const std::vector<std::string>& arguments) {
    absl::StatusOr<std::unique_ptr<SimProcess>> process =
        SimProcess::Start(directory.path(), name, arguments);
    EXPECT_TRUE(process.ok()) << process.status();
    return process.ok() ? *std::move(process) : nullptr;
  }
  std::unique_ptr<Guest> Open(const SimProcess& process) {
    absl::StatusOr<std::unique_ptr<Guest>> guest =
        SimHypervisor(directory.path()).Open(process.id());
    EXPECT_TRUE(guest.ok()) << guest.status();
    return guest.ok() ? *std::move(guest) : nullptr;
  }

  TempDirectory directory;
};

TEST_F(SimGuestTest, EveryWorkloadWorksAndStopsInAPause) {
  for (const char* workload : {"idle", "sequential", "random", "drift", "mesh", "torn"}) {
    SCOPED_TRACE(workload);
    const auto process = Start(workload, {"--workload", workload, "--ram-mib", "8", "--vcpus", "2",
                                          "--high-memory", "--window-pages", "1200"});
    ASSERT_NE(process, nullptr);
    const auto guest = Open(*process);
    const auto view = guest->Refresh();
    ASSERT_TRUE(view.ok()) << view.status();
    EXPECT_EQ((*view)->map.page_count(), (std::uint64_t{1} << 20) + 1024);
    EXPECT_EQ((*view)->map.readable_pages(), 2048u);

    const sim::StatusPage& status = process->status();
    const std::uint64_t start = status.work[0];
    EXPECT_TRUE(Eventually([&] { return status.work[0] > start + 2; }));
    ASSERT_TRUE(guest->Pause().ok());
    PageBitmap dirty((*view)->map.page_count());
    EXPECT_TRUE(guest->FetchDirty(dirty).ok());
    const std::uint64_t stopped = status.work[0];
    EXPECT_GT(dirty.Count(), 0u);
    dirty.ClearAll();
    EXPECT_TRUE(guest->FetchDirty(dirty).ok());
    EXPECT_EQ(dirty.Count(), 0u) << "a page was written in the pause";
    EXPECT_EQ(status.work[0], stopped);
    EXPECT_TRUE(guest->Resume().ok());
    EXPECT_TRUE(Eventually([&] { return status.work[0] > stopped; }));
  }
}

// Which RAM page an entry of the workload "mesh" names, from what it says besides.
std::uint64_t NamedPage(std::uint64_t entry) {
  constexpr std::uint64_t kWindowFirst = 256;
  return kWindowFirst + (entry >> 52);
}

TEST_F(SimGuestTest, PageTablesNameMachineFramesWhereAsked) {
  const auto process = Start(
      "pv", {"--workload", "mesh", "--ram-mib", "8", "--machine-frames", "--hole", "0x100:0x40"});
  ASSERT_NE(process, nullptr);
  const auto guest = Open(*process);
  const auto view = guest->Refresh();
  ASSERT_TRUE(view.ok()) << view.status();
  ASSERT_NE((*view)->machine_frames, nullptr);
  const std::vector<std::uint64_t> frames = *(*view)->machine_frames;
  ASSERT_EQ(frames.size(), (*view)->map.page_count());
  EXPECT_EQ(frames[0x100], kNoMachineFrame);

  const MachineToGuest index(frames);
  for (std::uint64_t page = 0; page < 2048; ++page) {
    const Gfn gfn{page < 0x100 ? page : page + 0x40};
    EXPECT_EQ(index.Find(frames[gfn.value]), gfn);
  }
  ASSERT_TRUE(guest->Pause().ok());
  ASSERT_TRUE(guest->FetchVcpus().ok());
  const auto vcpus = guest->DecodeVcpus();
  ASSERT_TRUE(vcpus.ok()) << vcpus.status();
  std::optional<Gfn> table = index.Find(vcpus->front().cr3 >> kPageShift);
  for (int step = 0; step < 100; ++step) {
    ASSERT_TRUE(table.has_value()) << step;
    const auto entry = ReadPhysical64(**view, table->address() + step * 8);
    ASSERT_TRUE(entry.has_value()) << step;
    table = index.Find((*entry & 0x000f'ffff'ffff'f000) >> kPageShift);
    ASSERT_EQ(table, Gfn{NamedPage(*entry) + 0x40}) << step;
  }
  ASSERT_TRUE(guest->Resume().ok());

  // Another view keeps the table, unless the memory map is another.
  ASSERT_TRUE(process->OperatorPause().ok());
  const auto paused = guest->Refresh();
  ASSERT_TRUE(paused.ok());
  EXPECT_NE(*paused, *view);
  EXPECT_EQ((*paused)->machine_frames, (*view)->machine_frames);
  ASSERT_TRUE(process->BalloonOut({Gfn{0x10}, 1}).ok());
  const auto ballooned = guest->Refresh();
  ASSERT_TRUE(ballooned.ok());
  EXPECT_EQ((*ballooned)->machine_frames->at(0x10), kNoMachineFrame);
  EXPECT_EQ((*ballooned)->machine_frames->at(0x11), frames[0x11]);
}

TEST_F(SimGuestTest, PagesNeverWrittenTakeNoMemory) {
  const auto process =
      Start("g", {"--workload", "random", "--ram-mib", "16", "--window-pages", "100"});
  ASSERT_NE(process, nullptr);
  const auto guest = Open(*process);
  const auto view = guest->Refresh();
  ASSERT_TRUE(view.ok());
  PageBitmap resident((*view)->map.page_count());
  resident.SetRange({Gfn{0}, resident.size()});
  ASSERT_TRUE(guest->FilterResident(resident).ok());
  EXPECT_EQ(resident.Count(), 100u);
}

TEST_F(SimGuestTest, EverythingIsDirtyAfterAReboot) {
  const auto process = Start("g", {"--ram-mib", "4"});
  ASSERT_NE(process, nullptr);
  const auto guest = Open(*process);
  auto view = guest->Refresh();
  ASSERT_TRUE(view.ok());
  PageBitmap dirty((*view)->map.page_count());
  ASSERT_TRUE(guest->FetchDirty(dirty).ok());
  ASSERT_TRUE(process->Reboot().ok());
  dirty.ClearAll();
  EXPECT_TRUE(absl::IsAborted(guest->FetchDirty(dirty).status()));
  view = guest->Refresh();
  ASSERT_TRUE(view.ok());
  ASSERT_TRUE(guest->FetchDirty(dirty).ok());
  EXPECT_EQ(dirty.Count(), 1024u);
}

TEST_F(SimGuestTest, ARebootInThePauseTearsIt) {
  const auto process = Start("g", {"--ram-mib", "4"});
  ASSERT_NE(process, nullptr);
  const auto guest = Open(*process);
  ASSERT_TRUE(guest->Refresh().ok());
  ASSERT_TRUE(guest->Pause().ok());
  ASSERT_TRUE(process->Reboot().ok());
  EXPECT_TRUE(absl::IsAborted(guest->Resume()));
}

TEST_F(SimGuestTest, AnotherOwnerOfTheLogMakesItUnknownUntilTheNextRefresh) {
  const auto process = Start("g", {"--ram-mib", "4"});
  ASSERT_NE(process, nullptr);
  const auto first = Open(*process);
  const auto view = first->Refresh();
  ASSERT_TRUE(view.ok());
  PageBitmap dirty((*view)->map.page_count());
  EXPECT_EQ(first->FetchDirty(dirty).value(), DirtyAnswer::kLogged);
  const auto second = Open(*process);
  ASSERT_TRUE(second->Refresh().ok());
  EXPECT_EQ(first->FetchDirty(dirty).value(), DirtyAnswer::kUnknown);
  ASSERT_TRUE(first->Refresh().ok());
  dirty.ClearAll();
  EXPECT_EQ(first->FetchDirty(dirty).value(), DirtyAnswer::kLogged);
  EXPECT_EQ(dirty.Count(), 1024u);
}

TEST_F(SimGuestTest, StaysPausedWhenItsDaemonGoesUntilTheGuardianResumesIt) {
  const auto process = Start("g", {"--ram-mib", "4"});
  ASSERT_NE(process, nullptr);
  auto guest = Open(*process);
  ASSERT_TRUE(guest->Refresh().ok());
  const ResumeTicket ticket = guest->resume_ticket();
  ASSERT_TRUE(guest->Pause().ok());
  guest.reset();
  // Another connection is answered after the closed one was noticed.
  ASSERT_NE(Open(*process), nullptr);
  EXPECT_EQ(process->status().paused, 1u);
  EXPECT_TRUE(SimResumer().Resume(ticket, -1).ok());
  EXPECT_EQ(process->status().paused, 0u);
}

TEST_F(SimGuestTest, AHungGuestNeitherBlocksTheListNorTheResumer) {
  const auto hung = Start("hung", {"--ram-mib", "4"});
  const auto lively = Start("lively", {"--ram-mib", "4"});
  ASSERT_TRUE(hung != nullptr && lively != nullptr);
  const auto guest = Open(*hung);
  ASSERT_TRUE(guest->Refresh().ok());
  kill(hung->pid(), SIGSTOP);
  const auto start = std::chrono::steady_clock::now();
  SimHypervisor hypervisor(directory.path());
  const auto listings = hypervisor.List();
  ASSERT_TRUE(listings.ok());
  ASSERT_EQ(listings->size(), 1u);
  EXPECT_EQ((*listings)[0].identity.name, "lively");
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(SimResumer().Resume(guest->resume_ticket(), guest->resume_fd())));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

TEST_F(SimGuestTest, PauseWindowFaultsNoPageOnceEstimated) {
  const auto process =
      Start("g", {"--workload", "random", "--ram-mib", "64", "--dirty-pages-per-second", "20000"});
  ASSERT_NE(process, nullptr);
  const auto guest = Open(*process);
  const auto view = guest->Refresh();
  ASSERT_TRUE(view.ok());
  PageBitmap dirty((*view)->map.page_count());
  std::vector<double> pauses_us;
  long faults = 0;
  unsigned sum = 0;
  for (int round = 0; round < 100; ++round) {
    ASSERT_TRUE(guest->Refresh().ok());
    guest->EstimateDirty();
    dirty.ClearAll();
    rusage before, after;
    getrusage(RUSAGE_THREAD, &before);
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(guest->Pause().ok());
    const bool fetched = guest->FetchVcpus().ok() && guest->FetchDirty(dirty).ok() &&
                         guest->FilterResident(dirty).ok();
    for (const MappedExtent& extent : (*view)->extents) {
      dirty.ForEachRun(extent.range, [&](GfnRange run) {
        for (std::uint64_t i = 0; i < run.pages; ++i) {
          sum += static_cast<unsigned>(
              extent.at[(run.first.value + i - extent.range.first.value) * kPageBytes]);
        }
      });
    }
    ASSERT_TRUE(guest->Resume().ok());
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    getrusage(RUSAGE_THREAD, &after);
    ASSERT_TRUE(fetched);
    pauses_us.push_back(took.count());
    // The first round pages in this test's own code.
    if (round > 0) faults += after.ru_minflt - before.ru_minflt;
  }
  std::sort(pauses_us.begin(), pauses_us.end());
  fmt::print("pause window: median {:.0f} us, p95 {:.0f} us, {} page faults ({})\n", pauses_us[50],
             pauses_us[95], faults, sum % 2);
  EXPECT_EQ(faults, 0);
}

}  // namespace
}  // namespace stillframe
