// The connections to Xen that one guest, the listing or a resumer works through.
//
// Each owner opens its own: a handle must not cross a fork. Owned by one thread, but for mappings,
// which may be undone by any.
#pragma once

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "guest/xen/xen_c.h"

namespace stillframe {

class XenHandles {
 public:
  // UNAVAILABLE or PERMISSION_DENIED when this is not dom0, or not root there.
  static absl::StatusOr<std::shared_ptr<XenHandles>> Open();

  XenHandles(const XenHandles&) = delete;
  XenHandles& operator=(const XenHandles&) = delete;
  ~XenHandles();

  xc_interface* control() const { return control_; }
  xenforeignmemory_handle* memory() const { return memory_; }

 private:
  XenHandles() = default;

  xc_interface* control_ = nullptr;
  xenforeignmemory_handle* memory_ = nullptr;
};

// The status of a failed hypercall; NOT_FOUND when the domain is gone.
absl::Status XenStatus(int errno_value, std::string_view attempt);

}  // namespace stillframe
