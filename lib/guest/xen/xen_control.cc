#include "guest/xen/xen_handles.h"

#include <fmt/format.h>

#include <cerrno>

#include "base/status.h"

namespace stillframe {
namespace {

// Statuses tell what went wrong; the libraries would print it to stderr, even in a pause.
xentoollog_logger* SilentLogger() {
  static xentoollog_logger logger = {
      [](xentoollog_logger*, xentoollog_level, int, const char*, const char*, va_list) {}, nullptr,
      [](xentoollog_logger*) {}};
  return &logger;
}

absl::Status OpenStatus(int errno_value, std::string_view what) {
  const absl::Status status = ErrnoStatus(errno_value, fmt::format("open {}", what));
  const std::string message = fmt::format(
      "{}; the Xen backend works in dom0, as root, with /dev/xen/privcmd", MessageOf(status));
  if (absl::IsPermissionDenied(status)) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

}  // namespace

absl::StatusOr<std::shared_ptr<XenHandles>> XenHandles::Open() {
  std::shared_ptr<XenHandles> handles(new XenHandles);
  handles->control_ = xc_interface_open(SilentLogger(), SilentLogger(), 0);
  if (handles->control_ == nullptr) return OpenStatus(errno, "Xen's control interface");
  handles->memory_ = xenforeignmemory_open(SilentLogger(), 0);
  if (handles->memory_ == nullptr) return OpenStatus(errno, "Xen's foreign memory interface");
  return handles;
}

XenHandles::~XenHandles() {
  if (memory_ != nullptr) xenforeignmemory_close(memory_);
  if (control_ != nullptr) xc_interface_close(control_);
}

absl::Status XenStatus(int errno_value, std::string_view attempt) {
  const absl::Status status = ErrnoStatus(errno_value, attempt);
  return errno_value == ESRCH ? absl::NotFoundError(status.message()) : status;
}

}  // namespace stillframe
