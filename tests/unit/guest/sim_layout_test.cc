#include "guest/sim/sim_layout.h"

#include <memory>
#include <vector>

#include "base/mapping.h"
#include "base/memfd.h"
#include "gtest/gtest.h"

namespace stillframe::sim {
namespace {

std::unique_ptr<DescribeReply> LayoutOf(const std::vector<Region>& regions) {
  auto layout = std::make_unique<DescribeReply>();
  layout->vcpus = 1;
  layout->region_count = static_cast<std::uint32_t>(regions.size());
  for (std::size_t i = 0; i < regions.size(); ++i) layout->regions[i] = regions[i];
  return layout;
}

TEST(SimLayoutTest, AcceptsRamAroundAHoleAndABalloon) {
  const auto layout =
      LayoutOf({{.first = 0, .pages = 4, .ram_page = 0},
                {.first = 8, .pages = 2, .ram_page = 4, .kind = WireRegion::kBallooned},
                {.first = 10, .pages = 2, .ram_page = 6}});
  const absl::StatusOr<MemoryMap> map = CheckLayout(*layout, 12, 8);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->readable_pages(), 6u);
  EXPECT_EQ(map->KindOf(Gfn{8}), RegionKind::kBallooned);
  EXPECT_EQ(map->KindOf(Gfn{5}), RegionKind::kHole);
}

TEST(SimLayoutTest, RefusesHostileLayouts) {
  constexpr std::uint64_t kHuge = ~std::uint64_t{0};
  const std::vector<std::vector<Region>> hostile = {
      {},
      {{.first = 0, .pages = 0}},
      {{.first = 0, .pages = 9}},                            // past the RAM file
      {{.first = 0, .pages = 8, .ram_page = 1}},             // likewise
      {{.first = 0, .pages = 4, .ram_page = kHuge}},         // overflow
      {{.first = kHuge, .pages = 8}},                        // past the guest
      {{.first = 0, .pages = kHuge}},                        // overflow
      {{.first = 0, .pages = 4}},                            // ends too early
      {{.first = 0, .pages = 5}, {.first = 4, .pages = 4}},  // overlap
      {{.first = 4, .pages = 4}, {.first = 0, .pages = 4}},  // descending
      {{.first = 0, .pages = 8, .kind = static_cast<WireRegion>(77)}},
  };
  for (std::size_t i = 0; i < hostile.size(); ++i) {
    EXPECT_TRUE(absl::IsDataLoss(CheckLayout(*LayoutOf(hostile[i]), 8, 8).status())) << i;
  }
  auto layout = LayoutOf({{.first = 0, .pages = 8}});
  ASSERT_TRUE(CheckLayout(*layout, 8, 8).ok());
  layout->region_count = kRegionsMax + 1;
  EXPECT_TRUE(absl::IsDataLoss(CheckLayout(*layout, 8, 8).status()));
  layout->region_count = 1;
  layout->vcpus = kVcpusMax + 1;
  EXPECT_TRUE(absl::IsDataLoss(CheckLayout(*layout, 8, 8).status()));
}

TEST(SimLayoutTest, ClearHolesKeepsExactlyTouchedPages) {
  constexpr std::uint64_t kPages = 1024;
  const absl::StatusOr<UniqueFd> fd = CreateMemfd("test", kPages * kPageBytes);
  ASSERT_TRUE(fd.ok());
  const absl::StatusOr<Mapping> ram =
      Mapping::Shared(fd->get(), 0, kPages * kPageBytes, Access::kReadWrite);
  ASSERT_TRUE(ram.ok());
  PageBitmap touched(kPages + 16);
  const auto touch = [&](std::uint64_t page) {
    ram->data()[page * kPageBytes] = std::byte{1};
    touched.Set(Gfn{page + 16});
  };
  for (std::uint64_t page = 100; page < 400; ++page) touch(page);
  for (std::uint64_t page = 401; page < 440; page += 2) touch(page);
  touch(1023);

  const Region region{.first = 16, .pages = kPages, .ram_page = 0};
  const auto expect = [&](PageBitmap asked) {
    PageBitmap wanted = asked;
    wanted.And(touched);
    ASSERT_TRUE(ClearHoles(fd->get(), region, asked).ok());
    for (std::size_t i = 0; i < asked.words().size(); ++i) {
      EXPECT_EQ(asked.words()[i], wanted.words()[i]) << "word " << i;
    }
  };
  PageBitmap all(kPages + 16);
  all.SetRange({Gfn{16}, kPages});
  expect(all);
  PageBitmap sparse(kPages + 16);
  for (std::uint64_t page = 16; page < kPages + 16; page += 3) sparse.Set(Gfn{page});
  expect(sparse);
}

TEST(SimLayoutTest, OnlyRamHasMachineFrames) {
  const auto layout =
      LayoutOf({{.first = 0, .pages = 2, .ram_page = 0},
                {.first = 3, .pages = 1, .ram_page = 2, .kind = WireRegion::kBallooned},
                {.first = 4, .pages = 1, .ram_page = 3}});
  const absl::StatusOr<MemoryMap> map = CheckLayout(*layout, 5, 4);
  ASSERT_TRUE(map.ok()) << map.status();
  const std::vector<std::uint64_t> table = {10, 11, 12, 13, 14};
  EXPECT_EQ(MachineFramesOf(table, *map),
            (std::vector<std::uint64_t>{10, 11, kNoMachineFrame, kNoMachineFrame, 14}));
}

TEST(SimLayoutTest, RefusesAnImpossibleNumberOfVcpus) {
  const auto reply = std::make_unique<VcpusReply>();
  EXPECT_TRUE(absl::IsDataLoss(DecodeVcpus(*reply).status()));
  reply->count = kVcpusMax + 1;
  EXPECT_TRUE(absl::IsDataLoss(DecodeVcpus(*reply).status()));
  reply->count = 2;
  reply->vcpus[1].lstar = 42;
  const auto decoded = DecodeVcpus(*reply);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ((*decoded)[1].lstar, 42u);
  EXPECT_FALSE((*decoded)[1].sysenter_eip.has_value());
}

}  // namespace
}  // namespace stillframe::sim
