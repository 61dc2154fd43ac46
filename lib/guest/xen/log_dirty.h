// Xen's log of the pages that one domain wrote.
//
// Owned by the guest's thread. A domain has one such log and it has no owner: a save or migration
// takes it over and turns it off at its end, and while it is off, reading it succeeds and finds
// nothing. So every fetch first makes sure that the log is still on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "guest/guest.h"
#include "guest/page_bitmap.h"
#include "guest/xen/device_model.h"
#include "guest/xen/xen_control.h"

namespace stillframe {

class LogDirty {
 public:
  // `model`: the domain's device model, if it has one; it logs for as long as the log is on.
  LogDirty(std::shared_ptr<XenControl> control, std::uint32_t domid,
           std::optional<DeviceModel> model);
  LogDirty(const LogDirty&) = delete;
  LogDirty& operator=(const LogDirty&) = delete;

  // Turns the log off, where it is on for us.
  ~LogDirty();

  // Turns the log on, taking it over from whoever has it, and says whether this domain has one:
  // PV domains need a hypervisor with shadow paging, passed-through devices forbid it, a device
  // model must log too.
  absl::StatusOr<bool> TakeOver();

  bool on() const { return on_; }

  // Whether the next Fetch can tell, as far as is known now.
  bool complete() const { return on_ && complete_; }

  // Holds memory for the bits of `pages` frames.
  absl::Status Prepare(std::uint64_t pages);

  // The contract of Guest::FetchDirty; `dirty` has at most as many bits as were prepared. [window]
  absl::StatusOr<DirtyAnswer> Fetch(PageBitmap& dirty);

  // Bits that are set now; 0 when unknown.
  std::uint64_t Peek();

  // From now on somebody else's log: neither read nor turned off.
  void Abandon() { on_ = false; }

 private:
  class Buffer;

  absl::StatusOr<bool> Enable();
  void TurnOff();
  absl::Status Read(unsigned operation);

  const std::shared_ptr<XenControl> control_;
  const std::uint32_t domid_;
  std::optional<DeviceModel> model_;
  bool on_ = false;
  bool complete_ = false;  // the log saw every write since the last fetch
  std::unique_ptr<Buffer> bits_;
};

}  // namespace stillframe
