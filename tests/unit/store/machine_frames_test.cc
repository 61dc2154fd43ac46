#include "store/machine_frames.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

#include "base/memfd.h"

namespace stillframe {
namespace {

TEST(MachineFramesTest, HoldACopyThatNobodyCanChange) {
  std::vector<std::uint64_t> table = {0x1234567, kNoMachineFrame, 0x42};
  const auto frames = MachineFrames::Seal("test", table);
  ASSERT_TRUE(frames.ok()) << frames.status();
  table[0] = 1;
  ASSERT_EQ(frames->frames().size(), 3u);
  EXPECT_EQ(frames->frames()[0], 0x1234567u);
  EXPECT_EQ(frames->frames()[1], kNoMachineFrame);
  EXPECT_FALSE(Mapping::Shared(frames->fd(), 0, 24, Access::kReadWrite).ok());
  EXPECT_LT(pwrite(frames->fd(), "x", 1, 0), 0);
}

TEST(MachineFramesTest, RefuseAFileThatCouldStillChange) {
  auto fd = CreateMemfd("unsealed", 4096);
  ASSERT_TRUE(fd.ok());
  UniqueFd copy(dup(fd->get()));
  EXPECT_TRUE(absl::IsFailedPrecondition(MachineFrames::Open(std::move(copy), 512).status()));
  ASSERT_EQ(fcntl(fd->get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(MachineFrames::Open(*std::move(fd), 512).status()));
}

TEST(MachineFramesTest, RefuseAFileShorterThanAnnouncedAndImpossibleSizes) {
  const std::vector<std::uint64_t> table(4, 7);
  const auto frames = MachineFrames::Seal("test", table);
  ASSERT_TRUE(frames.ok());
  for (const std::uint64_t pages : {std::uint64_t{5}, std::uint64_t{0}, kGuestPagesMax + 1}) {
    UniqueFd copy(dup(frames->fd()));
    EXPECT_FALSE(MachineFrames::Open(std::move(copy), pages).ok()) << pages;
  }
  EXPECT_FALSE(MachineFrames::Seal("test", {}).ok());
}

}  // namespace
}  // namespace stillframe
