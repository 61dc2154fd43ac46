// On this process's own memory.
#include "guest/qemu/pagemap_scan.h"

#include <sys/mman.h>
#include <unistd.h>

#include <optional>
#include <random>
#include <set>

#include "base/mapping.h"
#include "base/memfd.h"
#include "base/units.h"
#include "gtest/gtest.h"
#include "support/own_userfault.h"

namespace stillframe {
namespace {

using Find = PagemapScan::Find;
using Pages = std::set<std::uint64_t>;

constexpr std::uint64_t kPages = 20'000;  // more than two calls' worth of single pages

class PagemapScanTest : public testing::Test {
 protected:
  void SetUp() override {
    userfault_ = OpenOwnUserfault();
    auto scan = PagemapScan::Open(getpid());
    if (!userfault_.valid() || absl::IsUnimplemented(scan.status())) {
      GTEST_SKIP() << "this kernel is older than 6.7: " << scan.status();
    }
    ASSERT_TRUE(scan.ok()) << scan.status();
    scan_ = *std::move(scan);
    memfd_ = *CreateMemfd("ram", kPages * kPageBytes);
    ram_ = *Mapping::Shared(memfd_.get(), 0, kPages * kPageBytes, Access::kReadWrite);
  }

  void Protect() {
    stillframe_uffdio_register argument{{base(), ram_.size()}, STILLFRAME_UFFD_MODE_WP, 0};
    ASSERT_EQ(ioctl(userfault_.get(), STILLFRAME_UFFDIO_REGISTER, &argument), 0);
  }

  std::uint64_t base() const { return reinterpret_cast<std::uintptr_t>(ram_.data()); }
  void Write(std::uint64_t page) { ram_.data()[page * kPageBytes + 17] = std::byte{1}; }

  Pages Scan(Find find) {
    Pages pages;
    const absl::Status status =
        scan_->ForEach(find, {base(), base() + ram_.size()}, [&](HostRange run) {
          for (std::uint64_t at = run.first; at < run.end; at += kPageBytes) {
            pages.insert((at - base()) >> kPageShift);
          }
        });
    EXPECT_TRUE(status.ok()) << status;
    return pages;
  }

  UniqueFd userfault_;
  std::optional<PagemapScan> scan_;
  UniqueFd memfd_;
  Mapping ram_;
};

TEST_F(PagemapScanTest, TakingNamesEachWrittenPageOnce) {
  Protect();
  Scan(Find::kTakeWritten);
  EXPECT_EQ(Scan(Find::kTakeWritten), Pages());
  Write(3);
  Write(4);
  Write(kPages - 1);
  const Pages written = {3, 4, kPages - 1};
  EXPECT_EQ(Scan(Find::kWritten), written);
  EXPECT_EQ(Scan(Find::kWritten), written) << "looking forgets nothing";
  EXPECT_EQ(Scan(Find::kTakeWritten), written);
  EXPECT_EQ(Scan(Find::kTakeWritten), Pages());
}

TEST_F(PagemapScanTest, MoreRunsThanOneCallReturnsAreAllNamed) {
  Protect();
  Scan(Find::kTakeWritten);
  Pages written;
  for (std::uint64_t page = 0; page < kPages; page += 2) {
    Write(page);
    written.insert(page);
  }
  EXPECT_EQ(Scan(Find::kWritten), written);
  EXPECT_EQ(Scan(Find::kTakeWritten), written);
  EXPECT_EQ(Scan(Find::kTakeWritten), Pages());
}

TEST_F(PagemapScanTest, AgreesWithARandomWriter) {
  Protect();
  Scan(Find::kTakeWritten);
  std::mt19937_64 random(1);
  for (int round = 0; round < 50; ++round) {
    Pages written;
    for (std::uint64_t i = random() % 2000; i > 0; --i) {
      const std::uint64_t page = random() % kPages;
      Write(page);
      written.insert(page);
    }
    ASSERT_EQ(Scan(Find::kTakeWritten), written) << "round " << round;
  }
}

TEST_F(PagemapScanTest, SystemCallsThatWriteAreSeen) {
  Protect();
  Write(7);
  Scan(Find::kTakeWritten);
  const auto source = CreateMemfd("file", kPageBytes);
  ASSERT_TRUE(source.ok());
  ASSERT_EQ(pread(source->get(), ram_.data() + 7 * kPageBytes, 512, 0), 512);
  EXPECT_EQ(Scan(Find::kTakeWritten), Pages{7});
}

// As where the kernel collapses pages to a huge one, or takes them from a file on a disk.
TEST_F(PagemapScanTest, WrittenPagesThatTheKernelUnmappedAreNamed) {
  Protect();
  ASSERT_TRUE(ram_.Populate(Access::kReadWrite).ok());
  Scan(Find::kTakeWritten);
  Write(3);
  ASSERT_EQ(madvise(ram_.data() + 2 * kPageBytes, 3 * kPageBytes, MADV_DONTNEED), 0);
  EXPECT_EQ(Scan(Find::kWritten), Pages{3});
  EXPECT_EQ(Scan(Find::kTakeWritten), Pages{3});
}

TEST_F(PagemapScanTest, MemoryThatIsNotProtectedIsAnErrorNotAnEmptySet) {
  Write(1);
  const HostRange all{base(), base() + ram_.size()};
  const auto ignore = [](HostRange) {};
  EXPECT_TRUE(absl::IsFailedPrecondition(scan_->ForEach(Find::kTakeWritten, all, ignore)));
  Protect();
  EXPECT_TRUE(scan_->ForEach(Find::kTakeWritten, all, ignore).ok());
  // As where QEMU maps a page of its RAM anew.
  ASSERT_NE(mmap(ram_.data() + 5 * kPageBytes, kPageBytes, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED, memfd_.get(), 5 * kPageBytes),
            MAP_FAILED);
  EXPECT_TRUE(absl::IsFailedPrecondition(scan_->ForEach(Find::kTakeWritten, all, ignore)));
}

TEST_F(PagemapScanTest, DiscardedPagesAreNotPresent) {
  ASSERT_TRUE(ram_.Populate(Access::kReadWrite).ok());
  EXPECT_EQ(Scan(Find::kNotPresent), Pages());
  ASSERT_EQ(madvise(ram_.data() + 9 * kPageBytes, 2 * kPageBytes, MADV_REMOVE), 0);
  EXPECT_EQ(Scan(Find::kNotPresent), (Pages{9, 10}));
}

}  // namespace
}  // namespace stillframe
