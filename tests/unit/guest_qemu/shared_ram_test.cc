#include "guest/qemu/shared_ram.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "base/memfd.h"
#include "base/status.h"
#include "gtest/gtest.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kPages = 16;

std::uint64_t AddressOf(const Mapping& mapping) {
  return reinterpret_cast<std::uint64_t>(mapping.data());
}

TEST(SharedRamTest, FindsTheMappingThatHoldsAnAddress) {
  constexpr char kMaps[] =
      "5580-5590 r--p 00000000 08:01 77 /usr/bin/qemu\n"
      "7fe0f3fff000-7fe103fff000 rw-s 00002000 00:01 1027                       /memfd:my ram "
      "(deleted)\n"
      "7fff0000-7fff1000 rw-p 00000000 00:00 0\n";
  const auto mapping = FindMapping(kMaps, 0x7fe0f4000000);
  ASSERT_TRUE(mapping.has_value());
  EXPECT_TRUE(mapping->shared);
  EXPECT_EQ(mapping->file_offset, 0x2000u);
  EXPECT_EQ(mapping->inode, 1027u);
  EXPECT_EQ(mapping->path, "/memfd:my ram (deleted)");
  EXPECT_EQ(FindMapping(kMaps, 0x7fff0800)->inode, 0u);
  EXPECT_FALSE(FindMapping(kMaps, 0x1000).has_value());
  EXPECT_FALSE(FindMapping("garbage\n\n-\n", 0x1000).has_value());
}

// This process plays QEMU: what it maps shared can be opened by the address alone.
TEST(SharedRamTest, SeesWhatTheOwnerWrites) {
  const auto memfd = CreateMemfd("ram", kPages * kPageBytes);
  ASSERT_TRUE(memfd.ok());
  const auto owner = Mapping::Shared(memfd->get(), 0, kPages * kPageBytes, Access::kReadWrite);
  ASSERT_TRUE(owner.ok());
  const auto ram =
      SharedRam::Open(getpid(), AddressOf(*owner) + kPageBytes, (kPages - 1) * kPageBytes);
  ASSERT_TRUE(ram.ok()) << ram.status();
  std::memcpy(owner->data() + kPageBytes, "hello", 6);
  EXPECT_STREQ(reinterpret_cast<const char*>(ram->data()), "hello");
}

TEST(SharedRamTest, NeverTouchedPagesAreNotResidentAndStaySo) {
  const auto memfd = CreateMemfd("ram", kPages * kPageBytes);
  ASSERT_TRUE(memfd.ok());
  const auto owner = Mapping::Shared(memfd->get(), 0, kPages * kPageBytes, Access::kReadWrite);
  ASSERT_TRUE(owner.ok());
  auto ram = SharedRam::Open(getpid(), AddressOf(*owner), kPages * kPageBytes);
  ASSERT_TRUE(ram.ok()) << ram.status();
  for (const int page : {0, 3, 4, 15}) owner->data()[page * kPageBytes] = std::byte{1};
  ASSERT_TRUE(ram->PopulateResident().ok());

  PageBitmap resident(100 + kPages + 5);
  resident.SetRange({Gfn{0}, resident.size()});
  ASSERT_TRUE(ram->ClearHoles({Gfn{100}, kPages}, 0, resident).ok());
  EXPECT_EQ(resident.Count(), 100u + 4 + 5);
  for (const std::uint64_t page : {0, 3, 4, 15}) EXPECT_TRUE(resident.Test(Gfn{100 + page}));

  // A part of the block, beginning in the middle.
  PageBitmap part(4);
  part.SetRange({Gfn{0}, 4});
  ASSERT_TRUE(ram->ClearHoles({Gfn{0}, 4}, 4 * kPageBytes, part).ok());
  EXPECT_EQ(part.Count(), 1u);
  EXPECT_TRUE(part.Test(Gfn{0}));
}

TEST(SharedRamTest, SaysWhatToChangeWhenMemoryIsPrivate) {
  void* at = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(at, MAP_FAILED);
  const auto ram = SharedRam::Open(getpid(), reinterpret_cast<std::uint64_t>(at), kPageBytes);
  EXPECT_TRUE(absl::IsFailedPrecondition(ram.status()));
  EXPECT_NE(MessageOf(ram.status()).find("share=on"), std::string::npos);
  munmap(at, kPageBytes);
}

TEST(SharedRamTest, RefusesMemoryPastTheEndOfItsFile) {
  const auto memfd = CreateMemfd("ram", kPages * kPageBytes);
  ASSERT_TRUE(memfd.ok());
  const auto owner = Mapping::Shared(memfd->get(), 0, kPages * kPageBytes, Access::kReadWrite);
  ASSERT_TRUE(owner.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      SharedRam::Open(getpid(), AddressOf(*owner), (kPages + 1) * kPageBytes).status()));
}

}  // namespace
}  // namespace stillframe
