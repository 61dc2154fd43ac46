// The guests of the Xen that this dom0 runs on: every domain but dom0 and xenstore's own.
//
// Thread-compatible, as Hypervisor says. Identity is the domain's UUID; domain ids are reused and
// a rebooted guest gets another one.
#pragma once

#include <memory>
#include <vector>

#include "guest/hypervisor.h"
#include "guest/xen/xen_control.h"
#include "guest/xen/xen_store.h"

namespace stillframe {

class XenHypervisor final : public Hypervisor {
 public:
  Backend backend() const override { return Backend::kXen; }

  // A guest without a name in xenstore is listed under its UUID.
  absl::StatusOr<std::vector<GuestListing>> List() override;

  // xenstore's watches on domains that are introduced and released.
  int change_fd() const override { return store_.watch_fd(); }
  absl::StatusOr<std::unique_ptr<Guest>> Open(const GuestId& id) override;

 private:
  absl::Status Connect();

  std::shared_ptr<XenControl> control_;
  XenStore store_;
};

}  // namespace stillframe
