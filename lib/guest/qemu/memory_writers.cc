#include "guest/qemu/memory_writers.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "guest/qemu/query.h"
#include "nlohmann/json.hpp"

namespace stillframe {
namespace {

constexpr std::size_t kNameBytesMax = 64;

// Models whose names begin so. pvrdma's RDMA adapter and vhost-scsi's targets are the host's.
constexpr std::array<std::string_view, 7> kForeignDevices = {
    "vhost-user", "vhost-vdpa", "vfio-", "x-vfio-user", "x-pci-proxy", "pvrdma", "vdpa"};
constexpr std::array<std::string_view, 1> kDirectDevices = {"vhost-scsi"};
constexpr std::array<std::string_view, 3> kBalloons = {"virtio-balloon", "virtio-mem",
                                                       "hv-balloon"};
constexpr std::array<std::string_view, 2> kForeignNetworks = {"vhost-user", "vhost-vdpa"};
constexpr std::array<std::string_view, 1> kForeignObjects = {"child<cryptodev-vhost-user"};

// Drivers that program a disk's controller themselves, or share guest memory with another process.
constexpr std::array<std::string_view, 4> kForeignDrivers = {"nvme", "io_uring", "virtio-blk-v",
                                                             "nvme-io_uring"};

// Devices of the host: SCSI commands that a guest passes through to one (scsi-block) are direct
// whatever its cache is.
constexpr std::array<std::string_view, 1> kDirectDrivers = {"host_"};

template <std::size_t kCount>
bool BeginsLikeOneOf(std::string_view name,
                     const std::array<std::string_view, kCount>& beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [name](std::string_view beginning) { return name.starts_with(beginning); });
}

void Name(std::string_view name, std::string& whom) {
  if (whom.empty()) whom = std::string(name.substr(0, kNameBytesMax));
}

template <typename Visit>
void ForEachLine(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

bool IsBuffered(const nlohmann::json& node) {
  if (!node.is_object()) return false;
  const auto cache = node.find("cache");
  if (cache == node.end() || !cache->is_object()) return false;
  const auto direct = cache->find("direct");
  return direct != cache->end() && direct->is_boolean() && !direct->get<bool>();
}

}  // namespace

// "      dev: virtio-net-pci, id "net0""
void NoteDevices(std::string_view qtree, MemoryWriters& writers) {
  constexpr std::string_view kBefore = "dev: ";
  ForEachLine(qtree, [&](std::string_view line) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (!line.starts_with(kBefore)) return;
    const std::string_view model = line.substr(kBefore.size(), line.find(',') - kBefore.size());
    if (BeginsLikeOneOf(model, kForeignDevices)) Name(model, writers.foreign);
    if (BeginsLikeOneOf(model, kDirectDevices)) Name(model, writers.direct_io);
    if (BeginsLikeOneOf(model, kBalloons)) writers.gives_back = true;
  });
}

// "net0: index=0,type=vhost-user,..."
void NoteNetworks(std::string_view networks, MemoryWriters& writers) {
  constexpr std::string_view kBefore = "type=";
  ForEachLine(networks, [&](std::string_view line) {
    const std::size_t at = line.find(kBefore);
    if (at == std::string_view::npos) return;
    line.remove_prefix(at + kBefore.size());
    if (BeginsLikeOneOf(line, kForeignNetworks)) {
      Name(line.substr(0, line.find_first_of(",\r ")), writers.foreign);
    }
  });
}

void NoteObjects(const nlohmann::json& objects, MemoryWriters& writers) {
  if (!objects.is_array()) return;
  for (const nlohmann::json& object : objects) {
    const std::string_view type = TextOf(object, "type");
    if (BeginsLikeOneOf(std::string_view(type), kForeignObjects)) Name(type, writers.foreign);
  }
}

void NoteBlockNodes(const nlohmann::json& nodes, MemoryWriters& writers) {
  if (!nodes.is_array()) {
    Name("an unknown disk", writers.direct_io);
    return;
  }
  for (const nlohmann::json& node : nodes) {
    const std::string_view driver = TextOf(node, "drv");
    if (BeginsLikeOneOf(std::string_view(driver), kForeignDrivers)) Name(driver, writers.foreign);
    if (BeginsLikeOneOf(std::string_view(driver), kDirectDrivers)) Name(driver, writers.direct_io);
    if (!IsBuffered(node)) Name("a disk with cache.direct", writers.direct_io);
  }
}

std::string DevicesIn(std::string_view mtree, const nlohmann::json& nodes) {
  std::string devices;
  ForEachLine(mtree, [&](std::string_view line) {
    if (line.starts_with(" AS ")) (devices += line) += '\n';
  });
  if (nodes.is_array()) {
    for (const nlohmann::json& node : nodes) (devices += TextOf(node, "node-name")) += '\n';
  }
  return devices;
}

}  // namespace stillframe
