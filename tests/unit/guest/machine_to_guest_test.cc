#include "guest/machine_to_guest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace stillframe {
namespace {

TEST(MachineToGuestTest, FindsEveryFrameOfAPermutedTableAndNothingElse) {
  constexpr std::uint64_t kPages = 10'000;
  constexpr std::uint64_t kBase = 0x80000;
  std::vector<std::uint64_t> table(kPages);
  std::iota(table.begin(), table.end(), kBase);
  std::shuffle(table.begin(), table.end(), std::mt19937_64(1));
  const MachineToGuest index(table);
  for (std::uint64_t page = 0; page < kPages; ++page) {
    ASSERT_EQ(index.Find(table[page]), Gfn{page});
  }
  for (const std::uint64_t stranger : {std::uint64_t{0}, kBase - 1, kBase + kPages}) {
    EXPECT_EQ(index.Find(stranger), std::nullopt) << stranger;
  }
}

TEST(MachineToGuestTest, FramesWithoutAMachineFrameAreNotFound) {
  const std::vector<std::uint64_t> table = {kNoMachineFrame, 7, kNoMachineFrame};
  const MachineToGuest index(table);
  EXPECT_EQ(index.Find(7), Gfn{1});
  EXPECT_EQ(index.Find(kNoMachineFrame), std::nullopt);
  EXPECT_EQ(MachineToGuest({}).Find(7), std::nullopt);
}

TEST(MachineToGuestTest, OfSeveralFramesThatClaimOneTheFirstIsFound) {
  const std::vector<std::uint64_t> table = {9, 5, 5, 9, 5};
  const MachineToGuest index(table);
  EXPECT_EQ(index.Find(5), Gfn{1});
  EXPECT_EQ(index.Find(9), Gfn{0});
}

TEST(MachineToGuestTest, WhatNoPageTableCanNameIsLeftOut) {
  const std::vector<std::uint64_t> table = {kMachineFramesMax - 1, kMachineFramesMax,
                                            kNoMachineFrame - 1, 0};
  const MachineToGuest index(table);
  EXPECT_EQ(index.Find(kMachineFramesMax - 1), Gfn{0});
  EXPECT_EQ(index.Find(kMachineFramesMax), std::nullopt);
  EXPECT_EQ(index.Find(kNoMachineFrame - 1), std::nullopt);
  EXPECT_EQ(index.Find(0), Gfn{3});
}

}  // namespace
}  // namespace stillframe
