#include "guest/xen/written_by_xen.h"

#include <array>
#include <cstring>
#include <random>

#include "gtest/gtest.h"
#include "guest/xen/xen_c.h"

extern "C" {
#include <xen/event_channel.h>
#include <xen/xen.h>
}

namespace stillframe {
namespace {

using Page = std::array<std::byte, kPageBytes>;

template <typename Value>
void Put(Page& page, std::size_t at, const Value& value) {
  std::memcpy(&page[at], &value, sizeof value);
}

vcpu_info_t SomeVcpuInfo() {
  vcpu_info_t info{};
  info.time.version = 12;
  info.time.tsc_timestamp = 0x123456789a;
  info.time.system_time = 77'000'000'000;
  info.time.tsc_to_system_mul = 0xdeadbeef;
  info.time.tsc_shift = -1;
  return info;
}

Page Random(unsigned seed) {
  std::mt19937_64 random(seed);
  Page page;
  for (std::size_t at = 0; at < page.size(); at += 8) Put(page, at, random());
  return page;
}

TEST(WrittenByXenTest, AVcpuInfoIsFoundAnywhereInAPage) {
  for (std::size_t at = 0; at < kPageBytes; at += 64) {
    Page page = Random(1);
    Put(page, at, SomeVcpuInfo());
    EXPECT_TRUE(IsWrittenByXen(page)) << at;
  }
}

TEST(WrittenByXenTest, AnEventArrayIsMaskedWordsWithAFewInUse) {
  Page page{};
  for (std::size_t at = 0; at < kPageBytes; at += 4) {
    Put(page, at, std::uint32_t{1} << EVTCHN_FIFO_MASKED);
  }
  EXPECT_TRUE(IsWrittenByXen(page));
  Put(page, 12, std::uint32_t{0xa0000007});  // pending and linked to port 7
  Put(page, 16, std::uint32_t{0});
  EXPECT_TRUE(IsWrittenByXen(page));
  Put(page, 20, std::uint32_t{1} << 20);  // a reserved bit
  EXPECT_FALSE(IsWrittenByXen(page));
}

TEST(WrittenByXenTest, AControlBlockIsReadyBitsAndHeadsAndNothingElse) {
  Page page{};
  EXPECT_FALSE(IsWrittenByXen(page)) << "a zero page could be anything";
  evtchn_fifo_control_block_t block{};
  block.ready = 1;
  block.head[0] = 3;
  Put(page, 0, block);
  EXPECT_TRUE(IsWrittenByXen(page));
  page[200] = std::byte{1};
  EXPECT_FALSE(IsWrittenByXen(page));
}

TEST(WrittenByXenTest, OtherPagesAreNot) {
  for (unsigned seed = 0; seed < 2000; ++seed) EXPECT_FALSE(IsWrittenByXen(Random(seed)));
  Page page{};
  for (std::size_t at = 0; at < kPageBytes; at += 4) Put(page, at, static_cast<std::uint32_t>(at));
  EXPECT_FALSE(IsWrittenByXen(page)) << "small numbers";
  page.fill(std::byte{0xff});
  EXPECT_FALSE(IsWrittenByXen(page));
}

}  // namespace
}  // namespace stillframe
