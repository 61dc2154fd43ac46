// The connection through which memory of one domain is mapped, and of no other.
//
// Thread-safe: mappings may be made and undone by any thread.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "guest/xen/xen_c.h"

namespace stillframe {

class ForeignMemory {
 public:
  // Restricted to `domid` where the kernel can (IOCTL_PRIVCMD_RESTRICT, Linux 4.14): whatever goes
  // wrong later, it maps nothing of another domain. Errors as XenControl::Open.
  static absl::StatusOr<std::shared_ptr<ForeignMemory>> Open(std::uint32_t domid);

  ForeignMemory(const ForeignMemory&) = delete;
  ForeignMemory& operator=(const ForeignMemory&) = delete;
  ~ForeignMemory();

  xenforeignmemory_handle* get() const { return handle_; }
  std::uint32_t domid() const { return domid_; }

 private:
  ForeignMemory(xenforeignmemory_handle* handle, std::uint32_t domid)
      : handle_(handle), domid_(domid) {}

  xenforeignmemory_handle* const handle_;
  const std::uint32_t domid_;
};

}  // namespace stillframe
