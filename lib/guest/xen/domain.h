// What Xen says about one domain.
//
// A value. Domain ids are reused: only together with the UUID do they name a guest.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "base/uuid.h"
#include "guest/guest.h"
#include "guest/xen/xen_c.h"

namespace stillframe {

struct Domain {
  std::uint32_t domid = 0;
  GuestId id;
  bool translated = false;  // PVH or HVM: frames are named by gfn; else PV, by machine frame
  bool emulated = false;    // HVM: a device model emulates devices, and writes memory for them
  bool dying = false;       // destroyed, but somebody still holds memory of it
  bool paused = false;      // by a toolstack; the count of pauses is above 0
  bool service = false;     // a xenstore domain: part of the host, not a guest
  bool never_ran = false;   // the toolstack still builds it
  RunState state = RunState::kRunning;
  std::uint64_t pages = 0;  // allocated, whether or not they have a frame number
  std::uint64_t pages_max = 0;
  std::uint64_t shared_info_frame = 0;
  std::uint64_t cpu_time_ns = 0;  // stands still exactly while no vCPU runs
  std::uint32_t vcpus_online = 0;
  std::uint32_t vcpus_created = 0;  // online or not
};

Domain DecodeDomain(const xc_domaininfo_t& raw);

// NOT_FOUND: no such domain. [window]
absl::StatusOr<Domain> ReadDomain(xc_interface* control, std::uint32_t domid);

// All domains but dom0, dying ones too.
absl::StatusOr<std::vector<Domain>> ReadDomains(xc_interface* control);

// The one that lives, where a reboot or a migration made several of one UUID.
std::optional<Domain> FindLiving(const std::vector<Domain>& domains, const GuestId& id);

}  // namespace stillframe
