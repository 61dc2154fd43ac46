#include "guest/xen/log_dirty.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "base/status.h"

namespace stillframe {

// Memory that hypercalls write to, locked and faulted in.
class LogDirty::Buffer {
 public:
  Buffer(xc_interface* control, std::uint64_t pages) : control_(control), pages_(pages), buffer_() {
    const std::uint64_t bytes = (pages + 63) / 64 * 8;
    own_pages_ = static_cast<int>((bytes + kPageBytes - 1) / kPageBytes);
    buffer_.ubuf = reinterpret_cast<void*>(std::intptr_t{-1});  // HYPERCALL_BUFFER_INIT_NO_BOUNCE
    void* memory = xc__hypercall_buffer_alloc_pages(control_, &buffer_, own_pages_);
    if (memory != nullptr) std::memset(memory, 0, own_pages_ * kPageBytes);
  }
  ~Buffer() {
    if (buffer_.hbuf != nullptr) {
      xc__hypercall_buffer_free_pages(control_, &buffer_, own_pages_);
    }
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  bool valid() const { return buffer_.hbuf != nullptr; }
  std::uint64_t pages() const { return pages_; }
  xc_hypercall_buffer_t* argument() { return &buffer_; }
  std::span<std::uint64_t> words() {
    return {static_cast<std::uint64_t*>(buffer_.hbuf), (pages_ + 63) / 64};
  }

 private:
  xc_interface* const control_;
  const std::uint64_t pages_;
  int own_pages_ = 0;
  xc_hypercall_buffer_t buffer_;
};

LogDirty::LogDirty(std::shared_ptr<XenControl> control, std::uint32_t domid,
                   std::optional<DeviceModel> model)
    : control_(std::move(control)), domid_(domid), model_(model) {}

LogDirty::~LogDirty() { TurnOff(); }

void LogDirty::TurnOff() {
  if (!std::exchange(on_, false)) return;
  xc_shadow_control(control_->get(), domid_, XEN_DOMCTL_SHADOW_OP_OFF, nullptr, 0);
  if (model_) static_cast<void>(model_->LogDirty(false));
}

// True: it was off until now. False: it is on already. UNIMPLEMENTED: there is none.
absl::StatusOr<bool> LogDirty::Enable() {
  if (xc_shadow_control(control_->get(), domid_, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, nullptr,
                        0) == 0) {
    return true;
  }
  switch (errno) {
    case EINVAL:
      return false;
    case EOPNOTSUPP:
    case ENOSYS:
      return absl::UnimplementedError("");
    default:
      return XenStatus(errno, "turn Xen's dirty log on");
  }
}

absl::StatusOr<bool> LogDirty::TakeOver() {
  // Before every first fetch: whoever turned Xen's log off may have turned the model's off too.
  if (model_ && !complete() && !model_->LogDirty(true).ok()) {
    TurnOff();
    return false;
  }
  absl::StatusOr<bool> enabled = Enable();
  if (absl::IsUnimplemented(enabled.status())) return false;
  SF_RETURN_IF_ERROR(enabled.status());
  if (!*enabled && on_) return true;
  if (!*enabled) {
    // Left over by a daemon that was killed, or a display's: as libxenguest does.
    if (xc_shadow_control(control_->get(), domid_, XEN_DOMCTL_SHADOW_OP_OFF, nullptr, 0) != 0) {
      return false;
    }
    enabled = Enable();
    if (!enabled.ok() || !*enabled) return false;
  }
  on_ = true;
  complete_ = false;
  return true;
}

absl::Status LogDirty::Prepare(std::uint64_t pages) {
  if (bits_ != nullptr && bits_->pages() == pages) return absl::OkStatus();
  bits_ = std::make_unique<Buffer>(control_->get(), pages);
  if (bits_->valid()) return absl::OkStatus();
  bits_ = nullptr;
  return absl::ResourceExhaustedError(
      fmt::format("no memory for the dirty log of {} pages", pages));
}

absl::Status LogDirty::Read(unsigned operation) {
  if (xc_logdirty_control(
          control_->get(), domid_, operation, bits_->argument(), bits_->pages(),
          operation == XEN_DOMCTL_SHADOW_OP_CLEAN ? XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL : 0,
          nullptr) < 0) {
    return XenStatus(errno, "read Xen's dirty log");
  }
  return absl::OkStatus();
}

absl::StatusOr<DirtyAnswer> LogDirty::Fetch(PageBitmap& dirty) {
  if (!on_ || bits_ == nullptr || dirty.size() > bits_->pages()) return DirtyAnswer::kUnknown;
  const absl::StatusOr<bool> was_off = Enable();
  if (absl::IsNotFound(was_off.status())) return was_off.status();
  const bool complete = std::exchange(complete_, false) && was_off.ok() && !*was_off;
  SF_RETURN_IF_ERROR(Read(XEN_DOMCTL_SHADOW_OP_CLEAN));
  complete_ = was_off.ok() && !(*was_off && model_);
  if (!complete) return DirtyAnswer::kUnknown;
  const std::span<std::uint64_t> to = dirty.words();
  const std::span<const std::uint64_t> from = bits_->words();
  for (std::size_t i = 0; i < to.size(); ++i) to[i] |= from[i];
  // Bits past the view are of frames that came since; the layout's check finds them.
  if (dirty.size() % 64 != 0) to.back() &= (std::uint64_t{1} << (dirty.size() % 64)) - 1;
  return DirtyAnswer::kLogged;
}

std::uint64_t LogDirty::Peek() {
  if (!on_ || !complete_ || bits_ == nullptr || !Read(XEN_DOMCTL_SHADOW_OP_PEEK).ok()) return 0;
  std::uint64_t count = 0;
  for (const std::uint64_t word : bits_->words()) {
    count += static_cast<std::uint64_t>(std::popcount(word));
  }
  return count;
}

}  // namespace stillframe
