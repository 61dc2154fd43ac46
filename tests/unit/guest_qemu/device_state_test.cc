#include "guest/qemu/device_state.h"

#include <random>
#include <string>

#include "gtest/gtest.h"
#include "recorded.h"

namespace stillframe {
namespace {

TEST(DeviceStateTest, FindsTheMsrsOfEveryVcpu) {
  const std::string stream = Recorded("device_state_2cpu.bin");
  std::vector<VcpuState> vcpus(2);
  const absl::Status status = MergeDeviceState(BytesOf(stream), vcpus);
  ASSERT_TRUE(status.ok()) << status;
  for (const VcpuState& vcpu : vcpus) {
    EXPECT_EQ(vcpu.lstar, 0xffffffff86400080u);
    EXPECT_EQ(vcpu.star, 0x23001000000000u);
    EXPECT_EQ(vcpu.sf_mask, 0x257fd5u);
    EXPECT_EQ(vcpu.efer, 0xd01u);
    EXPECT_EQ(vcpu.sysenter_cs, 0x10u);
    EXPECT_TRUE(vcpu.kernel_gs_base && vcpu.cstar && vcpu.sysenter_esp && vcpu.sysenter_eip);
  }
  EXPECT_NE(vcpus[0].sysenter_esp, vcpus[1].sysenter_esp);
}

TEST(DeviceStateTest, RefusesAnotherNumberOfVcpus) {
  const std::string stream = Recorded("device_state_2cpu.bin");
  std::vector<VcpuState> one(1);
  std::vector<VcpuState> three(3);
  EXPECT_TRUE(absl::IsDataLoss(MergeDeviceState(BytesOf(stream), one)));
  EXPECT_TRUE(absl::IsDataLoss(MergeDeviceState(BytesOf(stream), three)));
}

TEST(DeviceStateTest, RefusesAStreamWithAPlantedSection) {
  const std::string stream = Recorded("device_state_2cpu.bin");
  std::string planted = stream;
  planted.insert(8, stream.substr(8, 100));
  std::vector<VcpuState> vcpus(2);
  EXPECT_TRUE(absl::IsDataLoss(MergeDeviceState(BytesOf(planted), vcpus)));
  EXPECT_EQ(vcpus[0].lstar, std::nullopt);
}

TEST(DeviceStateTest, RefusesAStreamThatEndsEarly) {
  const std::string stream = Recorded("device_state_2cpu.bin");
  for (std::size_t length = 0; length < stream.size(); length += 97) {
    std::vector<VcpuState> vcpus(2);
    const std::string cut = stream.substr(0, length);
    EXPECT_TRUE(absl::IsDataLoss(MergeDeviceState(BytesOf(cut), vcpus))) << length;
  }
}

TEST(DeviceStateTest, SurvivesDamagedStreams) {
  const std::string stream = Recorded("device_state_2cpu.bin");
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    std::string damaged = stream;
    for (int i = 0; i < 4; ++i) damaged[random() % damaged.size()] = static_cast<char>(random());
    std::vector<VcpuState> vcpus(2);
    static_cast<void>(MergeDeviceState(BytesOf(damaged), vcpus));
    EXPECT_EQ(vcpus.size(), 2u);
  }
}

}  // namespace
}  // namespace stillframe
