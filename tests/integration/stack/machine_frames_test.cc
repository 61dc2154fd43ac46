// A guest whose page tables name machine frames, walked by a monitor that has nothing but a
// snapshot.
#include <gtest/gtest.h>

#include "guest/machine_to_guest.h"
#include "integration/stack/sim_stack.h"

namespace stillframe {
namespace {

using MachineFramesTest = SimStackTest;

constexpr std::uint64_t kRamPages = 4096;
constexpr std::uint64_t kHighMemory = std::uint64_t{1} << 20;  // gfn of the upper half
constexpr std::uint64_t kWindowFirst = 256;                    // of the workload

Gfn GfnOfRamPage(std::uint64_t page) {
  return Gfn{page < kRamPages / 2 ? page : kHighMemory + page - kRamPages / 2};
}

// Follows entries of the workload "mesh" from CR3 on. Each says in bits that page tables leave to
// software which page of the window it names.
void ExpectWalkable(SnapshotReader& reader, const MachineToGuest& index) {
  constexpr std::uint64_t kAddress = 0x000f'ffff'ffff'f000;
  std::optional<Gfn> table = index.Find(reader.metadata().vcpus(0).cr3() >> kPageShift);
  ASSERT_EQ(table, GfnOfRamPage(kWindowFirst));
  for (std::uint64_t step = 0; step < 400; ++step) {
    std::uint64_t entry = 0;
    const absl::Status read = reader.ReadAt(table->address() + step % 512 * sizeof entry,
                                            std::as_writable_bytes(std::span(&entry, 1)));
    ASSERT_TRUE(read.ok()) << read;
    table = index.Find((entry & kAddress) >> kPageShift);
    ASSERT_EQ(table, GfnOfRamPage(kWindowFirst + (entry >> 52))) << step;
  }
}

TEST_F(MachineFramesTest, PageTablesAreWalkedLocallyAndRemotely) {
  const auto guest = StartGuest("pv1", {"--ram-mib", "16", "--workload", "mesh", "--machine-frames",
                                        "--high-memory", "--window-pages", "3000"});
  ASSERT_NE(guest, nullptr);
  StartStack("period_ms = 50");
  ASSERT_TRUE(stack_->AwaitEpochAfter("pv1", "").ok());
  auto local = Connection::Open(stack_->local_target());
  ASSERT_TRUE(local.ok()) << local.status();
  std::vector<std::uint64_t> first_table;
  for (int generation = 0; generation < 3; ++generation) {
    const auto snapshot = remote().Capture("pv1");
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    EXPECT_EQ(snapshot->frame_space(), v1::Snapshot::FRAME_SPACE_MACHINE);
    EXPECT_FALSE(snapshot->has_pages_backend_mapped());
    for (Connection* connection : {&remote(), local->get()}) {
      auto reader = connection->OpenSnapshot(Select("pv1", snapshot->generation()));
      ASSERT_TRUE(reader.ok()) << reader.status();
      const auto table = (*reader)->MachineFrames();
      ASSERT_TRUE(table.ok()) << table.status();
      ASSERT_EQ(table->size(), kHighMemory + kRamPages / 2);
      if (first_table.empty()) first_table = *table;
      EXPECT_TRUE(*table == first_table);
      ExpectWalkable(**reader, MachineToGuest(*table));
    }
  }

  // What was ballooned out has no machine frame from the next generation on.
  ASSERT_TRUE(guest->BalloonOut({Gfn{8}, 4}).ok());
  const auto ballooned = remote().Capture("pv1");
  ASSERT_TRUE(ballooned.ok()) << ballooned.status();
  auto reader = remote().OpenSnapshot(Select("pv1", ballooned->generation()));
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto table = (*reader)->MachineFrames();
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->at(7), first_table[7]);
  EXPECT_EQ(table->at(8), kNoMachineFrame);
  ExpectWalkable(**reader, MachineToGuest(*table));
}

}  // namespace
}  // namespace stillframe
