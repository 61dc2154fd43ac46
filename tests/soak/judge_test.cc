// The soak's own judges: what they must find, and what they must let pass.
#include <gtest/gtest.h>

#include <cstring>
#include <span>
#include <vector>

#include "introspect/torn_pages.h"
#include "soak/process_use.h"
#include "soak/stamped_guest.h"

namespace stillframe::soak {
namespace {

// In pass `pass`, with page `next` of the window to be stamped next.
v1::Snapshot Registers(std::uint64_t pass, std::uint64_t next) {
  v1::Snapshot metadata;
  v1::Vcpu* vcpu = metadata.add_vcpus();
  for (int i = 0; i < 16; ++i) vcpu->add_general(0);
  vcpu->set_general(0, pass);
  vcpu->set_general(1, next);
  return metadata;
}

std::vector<std::byte> StampedPage(std::uint64_t index, std::uint64_t head, std::uint64_t tail) {
  std::vector<std::byte> page(kPageBytes);
  std::memcpy(page.data(), kTornPageMagic.data(), kTornPageMagic.size());
  std::memcpy(page.data() + kTornIndexOffset, &index, sizeof index);
  std::memcpy(page.data() + kTornHeadOffset, &head, sizeof head);
  std::memcpy(page.data() + kTornTailOffset, &tail, sizeof tail);
  return page;
}

absl::Status Judge(const v1::Snapshot& metadata, std::uint64_t index,
                   const std::vector<std::byte>& page) {
  return JudgePage(metadata, kWindow.first + index,
                   std::span<const std::byte, kPageBytes>(page.data(), kPageBytes));
}

TEST(StampedGuestTest, PagesBeforeTheNextOneCarryThisPassAndTheOthersTheOneBefore) {
  const v1::Snapshot metadata = Registers(7, 3);
  EXPECT_TRUE(Judge(metadata, 2, StampedPage(2, 7, 7)).ok());
  EXPECT_TRUE(Judge(metadata, 3, StampedPage(3, 6, 6)).ok());
  EXPECT_FALSE(Judge(metadata, 2, StampedPage(2, 6, 6)).ok());
  EXPECT_FALSE(Judge(metadata, 3, StampedPage(3, 7, 6)).ok());
  EXPECT_FALSE(Judge(metadata, 3, StampedPage(4, 6, 6)).ok());
}

TEST(StampedGuestTest, EveryByteCounts) {
  const v1::Snapshot metadata = Registers(7, 3);
  const std::vector<std::byte> right = StampedPage(2, 7, 7);
  for (std::size_t at = 0; at < kPageBytes; ++at) {
    std::vector<std::byte> page = right;
    page[at] ^= std::byte{1};
    EXPECT_FALSE(Judge(metadata, 2, page).ok()) << at;
  }
}

TEST(StampedGuestTest, RunsOutsideTheWindowAreZeroOrBallooned) {
  const v1::Snapshot metadata = Registers(7, 3);
  EXPECT_TRUE(JudgeRun(metadata, {{Gfn{0}, 256}, v1::PAGE_STATUS_ZERO, {}}).ok());
  EXPECT_TRUE(JudgeRun(metadata, {kBalloon, v1::PAGE_STATUS_ABSENT_BALLOONED, {}}).ok());
  EXPECT_FALSE(JudgeRun(metadata, {{Gfn{256}, 1}, v1::PAGE_STATUS_ZERO, {}}).ok());
  EXPECT_FALSE(JudgeRun(metadata, {{Gfn{0}, 1}, v1::PAGE_STATUS_ABSENT_BALLOONED, {}}).ok());
  std::vector<std::byte> page(kPageBytes);
  EXPECT_TRUE(JudgeRun(metadata, {{Gfn{0}, 1}, v1::PAGE_STATUS_PRESENT, page}).ok());
  page[9] = std::byte{1};
  EXPECT_FALSE(JudgeRun(metadata, {{Gfn{0}, 1}, v1::PAGE_STATUS_PRESENT, page}).ok());
}

UseRecord Record(double mib_per_minute, double fds_per_minute, int minutes_in_a_life) {
  UseRecord record("daemon");
  for (int second = 0; second < 1800; ++second) {
    const int age_s = second % (60 * minutes_in_a_life);
    Use use;
    use.anon_bytes = static_cast<std::uint64_t>((20 + mib_per_minute * age_s / 60) * (1 << 20));
    use.rss_bytes = use.anon_bytes;
    use.fds = static_cast<std::uint64_t>(100 + fds_per_minute * age_s / 60);
    record.Add(second, 1 + second / (60 * minutes_in_a_life), use);
  }
  return record;
}

TEST(UseRecordTest, WhatStaysAsItIsIsFlat) { EXPECT_TRUE(Record(0, 0, 5).IsFlat()); }

TEST(UseRecordTest, GrowthWithinALifeIsFoundThoughEachLifeBeginsAnew) {
  EXPECT_FALSE(Record(20, 0, 5).IsFlat());
  EXPECT_FALSE(Record(0, 40, 5).IsFlat());
}

TEST(UseRecordTest, SlowGrowthOfOneLongLifeIsFound) {
  EXPECT_FALSE(Record(3, 0, 60).IsFlat());
  EXPECT_FALSE(Record(0, 6, 60).IsFlat());
}

TEST(UseRecordTest, NothingSeenIsNotFlat) { EXPECT_FALSE(UseRecord("daemon").IsFlat()); }

}  // namespace
}  // namespace stillframe::soak
