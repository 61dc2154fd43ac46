#include "guest/xen/xen_control.h"

#include <fmt/format.h>

#include <cerrno>

#include "base/status.h"

namespace stillframe {

absl::StatusOr<std::shared_ptr<XenControl>> XenControl::Open() {
  xc_interface* interface = xc_interface_open(SilentXenLogger(), SilentXenLogger(), 0);
  if (interface == nullptr) return XenOpenStatus(errno, "Xen's control interface");
  return std::shared_ptr<XenControl>(new XenControl(interface));
}

XenControl::~XenControl() { xc_interface_close(interface_); }

absl::Status XenStatus(int errno_value, std::string_view attempt) {
  const absl::Status status = ErrnoStatus(errno_value, attempt);
  return errno_value == ESRCH ? absl::NotFoundError(status.message()) : status;
}

absl::Status XenOpenStatus(int errno_value, std::string_view what) {
  const absl::Status status = ErrnoStatus(errno_value, fmt::format("open {}", what));
  const std::string message = fmt::format(
      "{}; the Xen backend works in dom0, as root, with /dev/xen/privcmd", MessageOf(status));
  if (absl::IsPermissionDenied(status)) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

xentoollog_logger* SilentXenLogger() {
  static xentoollog_logger logger = {
      [](xentoollog_logger*, xentoollog_level, int, const char*, const char*, va_list) {}, nullptr,
      [](xentoollog_logger*) {}};
  return &logger;
}

}  // namespace stillframe
