// This process plays QEMU: its memory is the guest's.
#include "guest/qemu/dirty_log.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/memfd.h"
#include "gtest/gtest.h"
#include "support/own_userfault.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kBlockPages = 64;
constexpr std::uint64_t kHigh = 100;  // where the block's second half begins in the guest

class DirtyLogTest : public testing::Test {
 protected:
  void SetUp() override {
    userfault_ = OpenOwnUserfault();
    if (!userfault_.valid()) GTEST_SKIP() << "this kernel is older than 6.7";
    memfd_ = *CreateMemfd("ram", kBlockPages * kPageBytes);
    ram_ = *Mapping::Shared(memfd_.get(), 0, kBlockPages * kPageBytes, Access::kReadWrite);
    std::memset(ram_.data(), 1, ram_.size());
    blocks_ = std::make_shared<QemuRam>();
    auto shared =
        SharedRam::Open(getpid(), reinterpret_cast<std::uintptr_t>(ram_.data()), ram_.size());
    ASSERT_TRUE(shared.ok()) << shared.status();
    blocks_->mapped.push_back(*std::move(shared));
    const GfnRange low{Gfn{0}, kBlockPages / 2};
    const GfnRange high{Gfn{kHigh}, kBlockPages / 2};
    layout_.extents = {{low, 0, 0}, {high, 0, low.bytes()}};
    layout_.map = *MemoryMap::Create({{low, RegionKind::kRam}, {high, RegionKind::kRam}});
    pidfd_ = OpenOwnPidfd();
    Reopen();
  }

  void Reopen() {
    log_.reset();
    auto log = DirtyLog::Open(getpid(), pidfd_.get());
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
  }

  void TurnOn(Residency residency = Residency::kLasts) {
    const absl::Status on = log_->TurnOn(blocks_, layout_, residency);
    ASSERT_TRUE(on.ok()) << on;
    ASSERT_TRUE(blocks_->mapped[0].PopulateResident().ok());
  }

  DirtyAnswer Fetch() {
    dirty_ = PageBitmap(layout_.map.page_count());
    return log_->Fetch(dirty_);
  }

  void Write(std::uint64_t page) { ram_.data()[page * kPageBytes] ^= std::byte{0xff}; }
  static std::byte Read(const std::byte* ram, std::uint64_t page) {
    return *const_cast<const volatile std::byte*>(ram + page * kPageBytes);
  }
  void Discard(std::uint64_t page) {
    ASSERT_EQ(madvise(ram_.data() + page * kPageBytes, kPageBytes, MADV_REMOVE), 0);
  }

  UniqueFd userfault_;
  UniqueFd memfd_;
  UniqueFd pidfd_;
  Mapping ram_;
  std::shared_ptr<QemuRam> blocks_;
  GuestLayout layout_;
  std::unique_ptr<DirtyLog> log_;
  PageBitmap dirty_;
};

TEST_F(DirtyLogTest, TheFirstAnswerIsUnknownAndLaterOnesNameGuestFrames) {
  EXPECT_EQ(Fetch(), DirtyAnswer::kUnknown) << "it is off";
  TurnOn();
  EXPECT_EQ(log_->Count(), kBlockPages);
  EXPECT_EQ(Fetch(), DirtyAnswer::kUnknown);
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  EXPECT_EQ(dirty_.Count(), 0u);
  Write(3);
  Write(kBlockPages / 2 + 5);
  EXPECT_EQ(log_->Count(), 2u);
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  EXPECT_EQ(dirty_.Count(), 2u);
  EXPECT_TRUE(dirty_.Test(Gfn{3}));
  EXPECT_TRUE(dirty_.Test(Gfn{kHigh + 5}));
}

TEST_F(DirtyLogTest, TurningOnAgainKeepsTheLogAndAnotherLayoutStartsAnew) {
  TurnOn();
  Fetch();
  Write(1);
  TurnOn();
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  EXPECT_TRUE(dirty_.Test(Gfn{1}));
  layout_.extents.pop_back();
  TurnOn();
  EXPECT_EQ(Fetch(), DirtyAnswer::kUnknown);
}

TEST_F(DirtyLogTest, MemoryMappedAnewInterruptsTheLogUntilItIsTurnedOn) {
  TurnOn();
  Fetch();
  ASSERT_NE(mmap(ram_.data() + 5 * kPageBytes, kPageBytes, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED, memfd_.get(), 5 * kPageBytes),
            MAP_FAILED);
  EXPECT_EQ(Fetch(), DirtyAnswer::kUnknown);
  EXPECT_EQ(Fetch(), DirtyAnswer::kUnknown);
  PageBitmap resident(layout_.map.page_count());
  resident.Set(Gfn{1});
  log_->ForgetVanished(resident);
  EXPECT_EQ(resident.Count(), 0u) << "nothing is known any more";
  TurnOn();
  EXPECT_EQ(Fetch(), DirtyAnswer::kUnknown);
  Write(5);
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  EXPECT_TRUE(dirty_.Test(Gfn{5}));
}

TEST_F(DirtyLogTest, ANewDaemonStartsAnewOnWhatTheLastOneLeft) {
  TurnOn();
  Fetch();
  // As if killed: what it registered stays.
  auto left_over = std::move(log_);
  Write(2);
  Reopen();
  TurnOn();
  EXPECT_EQ(Fetch(), DirtyAnswer::kUnknown);
  Write(4);
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  EXPECT_EQ(dirty_.Count(), 1u);
  EXPECT_TRUE(dirty_.Test(Gfn{4}));
}

TEST_F(DirtyLogTest, TurnedOffItLeavesNoProtection) {
  TurnOn();
  log_.reset();
  auto scan = PagemapScan::Open(getpid());
  ASSERT_TRUE(scan.ok());
  const auto base = reinterpret_cast<std::uintptr_t>(ram_.data());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      scan->ForEach(PagemapScan::Find::kWritten, {base, base + ram_.size()}, [](HostRange) {})));
}

TEST_F(DirtyLogTest, MemoryGivenBackIsDirtyAndForgottenToBeResident) {
  TurnOn(Residency::kMayVanish);
  Fetch();
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  EXPECT_EQ(dirty_.Count(), 0u);
  Discard(6);
  Discard(kBlockPages / 2 + 1);
  Write(8);
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  EXPECT_EQ(dirty_.Count(), 3u);
  EXPECT_TRUE(dirty_.Test(Gfn{6}));
  EXPECT_TRUE(dirty_.Test(Gfn{kHigh + 1}));
  PageBitmap resident(layout_.map.page_count());
  resident.SetRange({Gfn{0}, resident.size()});
  log_->ForgetVanished(resident);
  EXPECT_FALSE(resident.Test(Gfn{6}));
  EXPECT_FALSE(resident.Test(Gfn{kHigh + 1}));
  EXPECT_TRUE(resident.Test(Gfn{8}));
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  EXPECT_EQ(dirty_.Count(), 0u) << "told once";
  Write(6);
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  EXPECT_TRUE(dirty_.Test(Gfn{6}));
}

TEST_F(DirtyLogTest, MemoryGivenBackAndReadByQemuIsDirtyThoughItsNeighbourIsTouchedHere) {
  TurnOn(Residency::kMayVanish);
  Fetch();
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  Discard(6);
  Discard(7);
  EXPECT_EQ(Read(ram_.data(), 6), std::byte{0});
  Write(7);
  EXPECT_EQ(Read(blocks_->mapped[0].data(), 7), std::byte{0xff});
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  EXPECT_TRUE(dirty_.Test(Gfn{6}));
  EXPECT_TRUE(dirty_.Test(Gfn{7}));
  EXPECT_EQ(dirty_.Count(), 2u);
}

TEST_F(DirtyLogTest, WhatWasCopiedWhileItWasSwappedOutIsDirtyWhenItVanishes) {
  TurnOn(Residency::kMayVanish);
  Fetch();
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  // As swapping does: our page tables lose the page, the file keeps it.
  auto* ours = const_cast<std::byte*>(blocks_->mapped[0].data());
  ASSERT_EQ(madvise(ours + 6 * kPageBytes, kPageBytes, MADV_DONTNEED), 0);
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  EXPECT_TRUE(dirty_.Test(Gfn{6}));
  PageBitmap resident(layout_.map.page_count());
  resident.Set(Gfn{6});
  log_->NoteResident(resident);
  Discard(6);
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  EXPECT_TRUE(dirty_.Test(Gfn{6}));
}

TEST_F(DirtyLogTest, ArrivedPagesAreDirtyOnce) {
  TurnOn(Residency::kMayVanish);
  Fetch();
  PageBitmap arrived(kBlockPages);
  arrived.Set(Gfn{kBlockPages / 2});
  log_->NoteArrived(0, arrived);
  EXPECT_EQ(log_->Count(), 1u);
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  EXPECT_EQ(dirty_.Count(), 1u);
  EXPECT_TRUE(dirty_.Test(Gfn{kHigh}));
  EXPECT_EQ(Fetch(), DirtyAnswer::kLogged);
  EXPECT_EQ(dirty_.Count(), 0u);
}

}  // namespace
}  // namespace stillframe
