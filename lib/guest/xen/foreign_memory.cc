#include "guest/xen/foreign_memory.h"

#include <cerrno>

#include "guest/xen/xen_control.h"

namespace stillframe {

absl::StatusOr<std::shared_ptr<ForeignMemory>> ForeignMemory::Open(std::uint32_t domid) {
  xenforeignmemory_handle* handle = xenforeignmemory_open(SilentXenLogger(), 0);
  if (handle == nullptr) return XenOpenStatus(errno, "Xen's foreign memory interface");
  std::shared_ptr<ForeignMemory> memory(new ForeignMemory(handle, domid));
  // An older kernel maps any domain then, as it does for every toolstack.
  static_cast<void>(xenforeignmemory_restrict(handle, static_cast<domid_t>(domid)));
  return memory;
}

ForeignMemory::~ForeignMemory() { xenforeignmemory_close(handle_); }

}  // namespace stillframe
