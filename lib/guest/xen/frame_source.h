// Keeps track of which frames of one domain have memory, and notices when that changed.
//
// Owned by the guest's thread. One kind for guests whose frame numbers Xen translates (PVH, HVM),
// one for PV, whose table lies in the guest's own memory.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "guest/xen/domain.h"
#include "guest/xen/foreign_memory.h"
#include "guest/xen/xen_control.h"
#include "guest/xen/xen_memory.h"

namespace stillframe {

using SharedMemory = std::shared_ptr<const XenMemory>;

class FrameSource {
 public:
  virtual ~FrameSource() = default;

  // What is there now. Null: nothing changed since the last call, `mapped` still holds.
  virtual absl::StatusOr<std::unique_ptr<FrameTable>> Look(const Domain& domain,
                                                           const SharedMemory& mapped) = 0;

  // Frames that ever had memory.
  virtual const PageBitmap& known() const = 0;

  // Whether what the last Look saw still holds. ABORTED: it does not. [window]
  virtual absl::Status Check(const Domain& domain) = 0;
};

std::unique_ptr<FrameSource> TrackTranslatedFrames(std::shared_ptr<XenControl> control,
                                                   std::uint32_t domid);
std::unique_ptr<FrameSource> TrackPvFrames(std::shared_ptr<XenControl> control,
                                           std::shared_ptr<ForeignMemory> memory);

}  // namespace stillframe
