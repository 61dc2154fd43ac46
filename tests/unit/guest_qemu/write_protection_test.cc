#include "guest/qemu/write_protection.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/mapping.h"
#include "base/memfd.h"
#include "base/status.h"
#include "base/units.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "guest/qemu/pagemap_scan.h"
#include "support/own_userfault.h"

namespace stillframe {
namespace {

using testing::HasSubstr;

TEST(WriteProtectionTest, KnowsTheShimsDescriptorByItsFeatures) {
  EXPECT_TRUE(IsShimsUserfault("pending:\t0\ntotal:\t0\nAPI:\taa:8000b000:80000000000001ff\n"));
  EXPECT_FALSE(IsShimsUserfault("pending:\t0\ntotal:\t0\nAPI:\taa:80003000:1ff\n"))
      << "faults would wait for a handler";
  EXPECT_FALSE(IsShimsUserfault("pending:\t0\ntotal:\t0\nAPI:\taa:8000b002:1ff\n"))
      << "a fork would wait for a reader";
  EXPECT_FALSE(IsShimsUserfault("pending:\t0\ntotal:\t0\nAPI:\taa:8000b000"));
  EXPECT_FALSE(IsShimsUserfault("pos:\t0\nflags:\t02\n"));
  EXPECT_FALSE(IsShimsUserfault(""));
}

TEST(WriteProtectionTest, WithoutTheShimSaysWhatIsMissing) {
  const UniqueFd pidfd = OpenOwnPidfd();
  const absl::Status status = WriteProtection::TakeFrom(getpid(), pidfd.get()).status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(MessageOf(status), HasSubstr("libstillframe-qemu.so"));
}

TEST(WriteProtectionTest, LeavesDescriptorsOfQemusOwnAlone) {
  const UniqueFd own = OpenOwnUserfault(0);
  if (!own.valid()) GTEST_SKIP() << "this kernel gives no userfaultfd";
  const UniqueFd pidfd = OpenOwnPidfd();
  EXPECT_TRUE(absl::IsNotFound(WriteProtection::TakeFrom(getpid(), pidfd.get()).status()));
}

TEST(WriteProtectionTest, MemoryOfAnotherUserfaultIsRefused) {
  const UniqueFd qemus = OpenOwnUserfault(0);
  const UniqueFd shims = OpenOwnUserfault();
  if (!shims.valid()) GTEST_SKIP() << "this kernel is older than 6.7";
  const auto memfd = CreateMemfd("ram", 4 * kPageBytes);
  const auto ram = Mapping::Shared(memfd->get(), 0, 4 * kPageBytes, Access::kReadWrite);
  ASSERT_TRUE(ram.ok());
  const auto first = reinterpret_cast<std::uintptr_t>(ram->data());
  stillframe_uffdio_register missing{{first, 4 * kPageBytes}, 1, 0};
  ASSERT_EQ(ioctl(qemus.get(), STILLFRAME_UFFDIO_REGISTER, &missing), 0);
  const UniqueFd pidfd = OpenOwnPidfd();
  auto protection = WriteProtection::TakeFrom(getpid(), pidfd.get());
  ASSERT_TRUE(protection.ok()) << protection.status();
  const absl::Status status = protection->Protect({first, first + 4 * kPageBytes});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

TEST(WriteProtectionTest, WritesToAHugePageOutliveItsSplit) {
  auto protection = WriteProtection::OfThisProcess();
  auto scan = PagemapScan::Open(getpid());
  if (!protection.ok() || !scan.ok()) GTEST_SKIP() << "this kernel is older than 6.7";
  constexpr std::uint64_t kHuge = std::uint64_t{2} << 20;
  constexpr int kCollapse = 25;  // MADV_COLLAPSE, Linux 6.1
  const auto memfd = CreateMemfd("ram", kHuge);
  const auto room = Mapping::Shared(memfd->get(), 0, 2 * kHuge, Access::kReadWrite);
  ASSERT_TRUE(room.ok());
  const auto base = reinterpret_cast<std::uintptr_t>(room->data());
  const std::uint64_t huge = (base + kHuge - 1) / kHuge * kHuge;
  std::byte* const ram = room->data() + (huge - base);
  ASSERT_EQ(mmap(ram, kHuge, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memfd->get(), 0), ram);
  std::memset(ram, 1, kHuge);
  if (madvise(ram, kHuge, kCollapse) != 0) {
    GTEST_SKIP() << "this kernel makes no huge pages of shared memory";
  }
  ASSERT_TRUE(protection->Protect({huge, huge + kHuge}).ok());
  std::uint64_t written = 0;
  const auto count = [&](HostRange run) { written += (run.end - run.first) / kPageBytes; };
  ASSERT_TRUE(scan->ForEach(PagemapScan::Find::kTakeWritten, {huge, huge + kHuge}, count).ok());
  EXPECT_EQ(written, 0u);
  ram[5 * kPageBytes] = std::byte{2};
  ASSERT_EQ(madvise(ram, kPageBytes, MADV_REMOVE), 0);
  ASSERT_TRUE(scan->ForEach(PagemapScan::Find::kTakeWritten, {huge, huge + kHuge}, count).ok());
  EXPECT_GE(written, 1u);
}

TEST(WriteProtectionTest, MemoryThatWasNeverTouchedIsProtectedToo) {
  auto protection = WriteProtection::OfThisProcess();
  auto scan = PagemapScan::Open(getpid());
  if (!protection.ok() || !scan.ok()) GTEST_SKIP() << "this kernel is older than 6.7";
  const auto memfd = CreateMemfd("ram", 4 * kPageBytes);
  const auto ram = Mapping::Shared(memfd->get(), 0, 4 * kPageBytes, Access::kReadWrite);
  ASSERT_TRUE(ram.ok());
  const auto base = reinterpret_cast<std::uintptr_t>(ram->data());
  const HostRange all{base, base + 4 * kPageBytes};
  ASSERT_TRUE(protection->Protect(all).ok());
  static_cast<void>(*const_cast<const volatile std::byte*>(ram->data()));
  ram->data()[2 * kPageBytes] = std::byte{1};
  std::vector<std::uint64_t> written;
  const auto note = [&](HostRange run) { written.push_back((run.first - base) / kPageBytes); };
  ASSERT_TRUE(scan->ForEach(PagemapScan::Find::kTakeWritten, all, note).ok());
  EXPECT_THAT(written, testing::ElementsAre(2));
}

// This program is not called qemu.
TEST(WriteProtectionTest, TheShimDoesNothingInOtherPrograms) {
  const auto descriptors = [] {
    const std::filesystem::directory_iterator entries("/proc/self/fd");
    return std::distance(begin(entries), end(entries));
  };
  const auto before = descriptors();
  setenv("LD_PRELOAD", "/another.so", 1);
  void* shim = dlopen(STILLFRAME_QEMU_SHIM, RTLD_NOW);
  ASSERT_NE(shim, nullptr) << dlerror();
  EXPECT_EQ(descriptors(), before);
  EXPECT_STREQ(std::getenv("LD_PRELOAD"), "/another.so");
  unsetenv("LD_PRELOAD");
  dlclose(shim);
}

}  // namespace
}  // namespace stillframe
