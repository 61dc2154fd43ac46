#include "machine_frames_check.h"

#include <gtest/gtest.h>

namespace stillframe {
namespace {

v1::ReadMachineFramesResponse Part(std::uint64_t first, const std::vector<std::uint64_t>& frames) {
  v1::ReadMachineFramesResponse part;
  part.set_first_gfn(first);
  part.mutable_machine_frames()->Add(frames.begin(), frames.end());
  return part;
}

TEST(MachineFramesCheckTest, PutsPartsTogetherInOrder) {
  MachineFramesCheck check(5);
  v1::ReadMachineFramesResponse description;
  description.mutable_snapshot()->set_page_count(5);
  EXPECT_TRUE(check.Accept(description).ok());
  EXPECT_TRUE(check.Accept(Part(0, {9, 8, 7})).ok());
  EXPECT_TRUE(check.Accept(Part(3, {6, 5})).ok());
  const auto frames = check.Finish();
  ASSERT_TRUE(frames.ok()) << frames.status();
  EXPECT_EQ(*frames, (std::vector<std::uint64_t>{9, 8, 7, 6, 5}));
}

TEST(MachineFramesCheckTest, RefusesGapsRepetitionsAndTooMany) {
  const std::vector<v1::ReadMachineFramesResponse> wrong = {
      Part(3, {1}), Part(1, {1}), Part(2, {}), Part(2, {1, 2, 3, 4}), Part(~std::uint64_t{0}, {1})};
  for (const auto& part : wrong) {
    MachineFramesCheck check(5);
    ASSERT_TRUE(check.Accept(Part(0, {9, 8})).ok());
    EXPECT_TRUE(absl::IsDataLoss(check.Accept(part))) << part.ShortDebugString();
  }
}

TEST(MachineFramesCheckTest, ATableThatEndsEarlyIsNone) {
  MachineFramesCheck check(5);
  ASSERT_TRUE(check.Accept(Part(0, {9, 8})).ok());
  EXPECT_TRUE(absl::IsDataLoss(check.Finish().status()));
}

}  // namespace
}  // namespace stillframe
