// The connection through which Xen is asked about domains and told to pause them.
//
// Each owner opens its own: a handle must not cross a fork. Owned by one thread.
#pragma once

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "guest/xen/xen_c.h"

namespace stillframe {

class XenControl {
 public:
  // UNAVAILABLE or PERMISSION_DENIED when this is not dom0, or not root there.
  static absl::StatusOr<std::shared_ptr<XenControl>> Open();

  XenControl(const XenControl&) = delete;
  XenControl& operator=(const XenControl&) = delete;
  ~XenControl();

  xc_interface* get() const { return interface_; }

 private:
  explicit XenControl(xc_interface* interface) : interface_(interface) {}

  xc_interface* const interface_;
};

// The status of a failed hypercall; NOT_FOUND when the domain is gone.
absl::Status XenStatus(int errno_value, std::string_view attempt);

// The status of a failed attempt to open one of Xen's interfaces.
absl::Status XenOpenStatus(int errno_value, std::string_view what);

// For Xen's libraries, which would print what statuses tell, even in a pause.
xentoollog_logger* SilentXenLogger();

}  // namespace stillframe
