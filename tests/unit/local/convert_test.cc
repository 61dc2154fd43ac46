#include "local/convert.h"

#include <gtest/gtest.h>

namespace stillframe {
namespace {

SnapshotMetadata Sample() {
  SnapshotMetadata metadata;
  metadata.guest.name = "web1";
  metadata.generation = Generation{5};
  metadata.method = CaptureMethod::kCompare;
  metadata.trigger = CaptureTrigger::kRequest;
  metadata.pages_total = 300;
  metadata.vcpus.resize(2);
  metadata.vcpus[1].index = 1;
  metadata.vcpus[1].general[15] = 15;
  metadata.vcpus[1].efer = 0;
  metadata.vcpus[1].gs.base = 0xffff888000000000;
  metadata.map = *MemoryMap::Create({{{Gfn{0}, 160}, RegionKind::kRam},
                                     {{Gfn{160}, 96}, RegionKind::kHole},
                                     {{Gfn{256}, 44}, RegionKind::kRom}});
  return metadata;
}

TEST(ConvertTest, ARegisterThatIsNotGivenStaysAbsent) {
  const v1::Snapshot message = ToMessage(Sample(), Detail::kFull);
  ASSERT_EQ(message.vcpus_size(), 2);
  EXPECT_FALSE(message.vcpus(0).has_efer());
  EXPECT_TRUE(message.vcpus(1).has_efer());
  EXPECT_FALSE(message.vcpus(1).has_lstar());
  ASSERT_EQ(message.vcpus(1).general_size(), 16);
  EXPECT_EQ(message.vcpus(1).general(15), 15u);
  EXPECT_EQ(message.vcpus(1).gs().base(), 0xffff888000000000u);
}

TEST(ConvertTest, HolesAreWhatNoRegionNames) {
  const v1::Snapshot message = ToMessage(Sample(), Detail::kFull);
  ASSERT_EQ(message.memory_regions_size(), 2);
  EXPECT_EQ(message.memory_regions(0).kind(), v1::MemoryRegion::KIND_RAM);
  EXPECT_EQ(message.memory_regions(1).first_gfn(), 256u);
  EXPECT_EQ(message.memory_regions(1).kind(), v1::MemoryRegion::KIND_ROM);
}

TEST(ConvertTest, BriefLeavesRegistersAndMapOut) {
  const v1::Snapshot message = ToMessage(Sample(), Detail::kBrief);
  EXPECT_EQ(message.vcpus_size(), 0);
  EXPECT_EQ(message.memory_regions_size(), 0);
  EXPECT_EQ(message.generation(), 5u);
  EXPECT_EQ(message.method(), v1::Snapshot::METHOD_COMPARE);
  EXPECT_EQ(message.trigger(), v1::Snapshot::TRIGGER_REQUEST);
}

TEST(ConvertTest, WhatPageTablesNameAndBackendsMappedIsSaidInListsToo) {
  SnapshotMetadata metadata = Sample();
  EXPECT_EQ(ToMessage(metadata, Detail::kBrief).frame_space(), v1::Snapshot::FRAME_SPACE_GUEST);
  EXPECT_FALSE(ToMessage(metadata, Detail::kBrief).has_pages_backend_mapped());
  metadata.frame_space = FrameSpace::kMachine;
  metadata.pages_backend_mapped = 0;
  EXPECT_EQ(ToMessage(metadata, Detail::kBrief).frame_space(), v1::Snapshot::FRAME_SPACE_MACHINE);
  EXPECT_TRUE(ToMessage(metadata, Detail::kBrief).has_pages_backend_mapped());
}

TEST(ConvertTest, AFailureNamesItsCode) {
  SnapshotEvent event;
  event.kind = SnapshotEvent::Kind::kFailed;
  event.error = absl::DeadlineExceededError("too long");
  EXPECT_EQ(ToMessage(event).capture_failed().code(), "DEADLINE_EXCEEDED");
  EXPECT_EQ(ToMessage(event).capture_failed().message(), "too long");
}

}  // namespace
}  // namespace stillframe
