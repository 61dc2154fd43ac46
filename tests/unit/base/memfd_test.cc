#include "base/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "base/mapping.h"
#include "gtest/gtest.h"

namespace stillframe {
namespace {

constexpr std::size_t kMemfdBytes = 4 * 4096;

UniqueFd NewMemfd() {
  absl::StatusOr<UniqueFd> fd = CreateMemfd("test", kMemfdBytes);
  EXPECT_TRUE(fd.ok()) << fd.status();
  return fd.ok() ? *std::move(fd) : UniqueFd();
}

TEST(MemfdTest, ExistingWriterStaysAfterSealingAgainstNewOnes) {
  const UniqueFd fd = NewMemfd();
  absl::StatusOr<Mapping> writer = Mapping::Shared(fd.get(), 0, kMemfdBytes, Access::kReadWrite);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(SealAgainstNewWriters(fd.get()).ok());
  EXPECT_FALSE(Mapping::Shared(fd.get(), 0, kMemfdBytes, Access::kReadWrite).ok());
  EXPECT_NE(ftruncate(fd.get(), 4096), 0);
  const absl::StatusOr<Mapping> reader =
      Mapping::Shared(fd.get(), 0, kMemfdBytes, Access::kReadOnly);
  ASSERT_TRUE(reader.ok());
  std::memcpy(writer->data(), "live", 4);
  EXPECT_EQ(std::memcmp(reader->data(), "live", 4), 0);
}

TEST(MemfdTest, SealForeverNeedsTheWriterGone) {
  const UniqueFd fd = NewMemfd();
  {
    const absl::StatusOr<Mapping> writer =
        Mapping::Shared(fd.get(), 0, kMemfdBytes, Access::kReadWrite);
    ASSERT_TRUE(writer.ok());
    EXPECT_TRUE(absl::IsFailedPrecondition(SealForever(fd.get())));
  }
  EXPECT_TRUE(SealForever(fd.get()).ok());
  EXPECT_FALSE(Mapping::Shared(fd.get(), 0, kMemfdBytes, Access::kReadWrite).ok());
  EXPECT_LT(pwrite(fd.get(), "x", 1, 0), 0);
}

TEST(MemfdTest, CheckSealedRefusesWhatCouldShrinkOrIsTooSmall) {
  const UniqueFd fd = NewMemfd();
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckSealed(fd.get(), kMemfdBytes)));
  ASSERT_TRUE(SealForever(fd.get()).ok());
  EXPECT_TRUE(CheckSealed(fd.get(), kMemfdBytes).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckSealed(fd.get(), kMemfdBytes + 1)));
}

TEST(MemfdTest, CheckSealedForeverRefusesWhatCouldStillBeWritten) {
  const UniqueFd fd = NewMemfd();
  ASSERT_EQ(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  ASSERT_TRUE(CheckSealed(fd.get(), kMemfdBytes).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckSealedForever(fd.get(), kMemfdBytes)));
  ASSERT_TRUE(SealForever(fd.get()).ok());
  EXPECT_TRUE(CheckSealedForever(fd.get(), kMemfdBytes).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckSealedForever(fd.get(), kMemfdBytes + 1)));
}

TEST(MemfdTest, ASealedCopyStaysWhatItWasCopiedFrom) {
  std::string bytes = "constant";
  const absl::StatusOr<UniqueFd> fd = SealedCopy("test", std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(fd.ok()) << fd.status();
  bytes = "variable";
  EXPECT_TRUE(CheckSealedForever(fd->get(), bytes.size()).ok());
  char read[8];
  ASSERT_EQ(pread(fd->get(), read, sizeof read, 0), 8);
  EXPECT_EQ(std::string(read, sizeof read), "constant");
  EXPECT_LT(pwrite(fd->get(), "x", 1, 0), 0);
}

TEST(MemfdTest, CheckSealedRefusesFilesThatCannotBeSealed) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd read_end(ends[0]), write_end(ends[1]);
  EXPECT_FALSE(CheckSealed(read_end.get(), 0).ok());
}

TEST(MemfdTest, ReadOnlyReopeningCannotWrite) {
  const UniqueFd fd = NewMemfd();
  const absl::StatusOr<UniqueFd> read_only = ReopenReadOnly(fd.get());
  ASSERT_TRUE(read_only.ok()) << read_only.status();
  EXPECT_FALSE(Mapping::Shared(read_only->get(), 0, kMemfdBytes, Access::kReadWrite).ok());
  EXPECT_TRUE(Mapping::Shared(read_only->get(), 0, kMemfdBytes, Access::kReadOnly).ok());
}

TEST(MappingTest, MovingLeavesOneOwner) {
  const UniqueFd fd = NewMemfd();
  absl::StatusOr<Mapping> first = Mapping::Shared(fd.get(), 0, kMemfdBytes, Access::kReadWrite);
  ASSERT_TRUE(first.ok());
  std::byte* const at = first->data();
  Mapping second(*std::move(first));
  EXPECT_EQ(second.data(), at);
  EXPECT_EQ(second.size(), kMemfdBytes);
  EXPECT_EQ(first->data(), nullptr);
  Mapping third;
  third = std::move(second);
  EXPECT_EQ(third.data(), at);
}

TEST(MappingTest, UnmapsWhenItGoes) {
  const UniqueFd fd = NewMemfd();
  void* at = nullptr;
  {
    const absl::StatusOr<Mapping> mapping =
        Mapping::Shared(fd.get(), 0, kMemfdBytes, Access::kReadOnly);
    ASSERT_TRUE(mapping.ok());
    at = mapping->data();
    EXPECT_EQ(msync(at, kMemfdBytes, MS_ASYNC), 0);
  }
  EXPECT_NE(msync(at, kMemfdBytes, MS_ASYNC), 0);
}

TEST(MappingTest, PopulateAllocatesEveryPage) {
  const UniqueFd fd = NewMemfd();
  EXPECT_LT(lseek(fd.get(), 0, SEEK_DATA), 0);
  absl::StatusOr<Mapping> mapping = Mapping::Shared(fd.get(), 0, kMemfdBytes, Access::kReadWrite);
  ASSERT_TRUE(mapping.ok());
  ASSERT_TRUE(mapping->Populate(Access::kReadWrite).ok());
  EXPECT_EQ(lseek(fd.get(), 0, SEEK_HOLE), static_cast<off_t>(kMemfdBytes));
}

TEST(MappingTest, BadDescriptorIsAnError) {
  EXPECT_TRUE(
      absl::IsInvalidArgument(Mapping::Shared(-1, 0, kMemfdBytes, Access::kReadOnly).status()));
}

}  // namespace
}  // namespace stillframe
