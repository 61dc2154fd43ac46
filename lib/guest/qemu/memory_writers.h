// Who else writes a QEMU guest's memory than QEMU through its own mapping: what a log of that
// mapping's writes does not see.
//
// Pure functions over what another process sent: nothing in it is trusted.
#pragma once

#include <string>
#include <string_view>

#include "nlohmann/json_fwd.hpp"

namespace stillframe {

// Empty: nobody.
struct MemoryWriters {
  // Through mappings of their own (vhost-user) or by DMA to pinned pages (VFIO, vDPA): at any time.
  std::string foreign;

  // Direct I/O: the disk writes to pages that were looked up when the request began, so a write can
  // land after its page was taken from the log. QEMU completes all requests when it stops the
  // guest, so in a pause the log is right.
  std::string direct_io;

  // A device lets the guest give memory back while it runs (balloon, virtio-mem).
  bool gives_back = false;
};

// Each adds what its text shows: `info qtree`, `info network`, the replies to qom-list of /objects
// and query-named-block-nodes.
void NoteDevices(std::string_view qtree, MemoryWriters& writers);
void NoteNetworks(std::string_view networks, MemoryWriters& writers);
void NoteObjects(const nlohmann::json& objects, MemoryWriters& writers);
void NoteBlockNodes(const nlohmann::json& nodes, MemoryWriters& writers);

// Another text when devices or disks were plugged in, and mostly when out: the address spaces that
// `info mtree -f` names (every PCI device has one) and the names of block nodes.
std::string DevicesIn(std::string_view mtree, const nlohmann::json& nodes);

}  // namespace stillframe
