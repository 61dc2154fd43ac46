#include "guest/qemu/memory_writers.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace stillframe {
namespace {

using nlohmann::json;

MemoryWriters OfDevices(std::string_view qtree) {
  MemoryWriters writers;
  NoteDevices(qtree, writers);
  return writers;
}

MemoryWriters OfNodes(const json& nodes) {
  MemoryWriters writers;
  NoteBlockNodes(nodes, writers);
  return writers;
}

TEST(MemoryWritersTest, EmulatedDevicesAreNobody) {
  const MemoryWriters writers = OfDevices(
      "bus: main-system-bus\n  type System\n  dev: q35-pcihost, id \"\"\n"
      "      dev: virtio-net-pci, id \"net0\"\n        tx = \"vhost-user\"\n      dev: nvme, id "
      "\"\"\n");
  EXPECT_EQ(writers.foreign, "");
  EXPECT_EQ(writers.direct_io, "");
  EXPECT_FALSE(writers.gives_back);
}

TEST(MemoryWritersTest, DevicesOutsideQemuAreNamed) {
  EXPECT_EQ(OfDevices("      dev: vhost-user-fs-pci, id \"fs\"\r\n").foreign, "vhost-user-fs-pci");
  EXPECT_EQ(OfDevices("  dev: vfio-pci, id \"\"\n").foreign, "vfio-pci");
  EXPECT_EQ(OfDevices("  dev: vhost-vdpa-device-pci, id \"\"\n").foreign, "vhost-vdpa-device-pci");
  EXPECT_EQ(OfDevices("  dev: vhost-scsi-pci, id \"\"\n").direct_io, "vhost-scsi-pci");
  EXPECT_TRUE(OfDevices("  dev: virtio-balloon-pci, id \"\"\n").gives_back);
  EXPECT_TRUE(OfDevices("  dev: virtio-mem-pci, id \"\"\n").gives_back);
  EXPECT_TRUE(OfDevices("  dev: hv-balloon, id \"\"\n").gives_back);
  EXPECT_LE(OfDevices("dev: vfio-" + std::string(5000, 'x')).foreign.size(), 64u);
}

TEST(MemoryWritersTest, NetworksThatOtherProcessesServeAreNamed) {
  MemoryWriters writers;
  NoteNetworks("net0: index=0,type=nic,model=virtio-net-pci\n \\ n: index=0,type=tap,vhost=on\n",
               writers);
  EXPECT_EQ(writers.foreign, "");
  NoteNetworks("n1: index=0,type=vhost-user,chardev=c\n", writers);
  EXPECT_EQ(writers.foreign, "vhost-user");
}

TEST(MemoryWritersTest, DisksWithoutTheHostsCacheAreDirect) {
  const json buffered = {{"drv", "qcow2"}, {"cache", {{"direct", false}}}};
  const json direct = {{"drv", "file"}, {"cache", {{"direct", true}}}};
  EXPECT_EQ(OfNodes(json::array()).direct_io, "");
  EXPECT_EQ(OfNodes(json::array({buffered})).direct_io, "");
  EXPECT_NE(OfNodes(json::array({buffered, direct})).direct_io, "");
  EXPECT_EQ(OfNodes({{{"drv", "nvme"}, {"cache", {{"direct", true}}}}}).foreign, "nvme");
  EXPECT_EQ(OfNodes(json::array({direct})).foreign, "");
}

TEST(MemoryWritersTest, DevicesOfTheHostAreDirectWhateverTheirCache) {
  const json cached = {{"drv", "host_device"}, {"cache", {{"direct", false}}}};
  EXPECT_EQ(OfNodes(json::array({cached})).direct_io, "host_device");
}

TEST(MemoryWritersTest, BackendsInOtherProcessesAreNamed) {
  MemoryWriters writers;
  NoteObjects(json::parse(R"([{"name": "ram", "type": "child<memory-backend-memfd>"}, 7, {}])"),
              writers);
  EXPECT_EQ(writers.foreign, "");
  NoteObjects(json::parse(R"([{"name": "c", "type": "child<cryptodev-vhost-user>"}])"), writers);
  EXPECT_THAT(writers.foreign, testing::HasSubstr("cryptodev-vhost-user"));
}

TEST(MemoryWritersTest, WhatMakesNoSenseCountsAsDirect) {
  EXPECT_NE(OfNodes(json::object()).direct_io, "");
  for (const char* text : {"[7]", "[{}]", "[{\"drv\": 1, \"cache\": 2}]",
                           "[{\"cache\": {\"direct\": \"no\"}}]", "[{\"cache\": {}}]", "[null]"}) {
    EXPECT_NE(OfNodes(json::parse(text)).direct_io, "") << text;
  }
}

TEST(MemoryWritersTest, PluggingShowsInAnotherText) {
  const json none = json::array();
  const std::string before = DevicesIn("FlatView #0\n AS \"memory\", root: system\n", none);
  EXPECT_EQ(before, DevicesIn("FlatView #7\n AS \"memory\", root: system\n 0-1 ram\n", none));
  EXPECT_NE(before, DevicesIn(" AS \"memory\", root: system\n AS \"vfio-pci\", root: b\n", none));
  EXPECT_NE(before, DevicesIn(" AS \"memory\", root: system\n", {{{"node-name", "d"}}}));
  EXPECT_EQ(DevicesIn("", json::parse("[{\"node-name\": 3}, 4]")), "\n\n");
}

}  // namespace
}  // namespace stillframe
