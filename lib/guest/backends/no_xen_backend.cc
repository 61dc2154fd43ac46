#include "guest/backends/xen_backend.h"

namespace stillframe {
namespace {

absl::Status NotBuilt() {
  return absl::UnimplementedError(
      "this build has no Xen backend: install libxen-dev and build again, or set xen = \"never\"");
}

class NoXenHypervisor final : public Hypervisor {
 public:
  Backend backend() const override { return Backend::kXen; }
  absl::StatusOr<std::vector<GuestListing>> List() override { return NotBuilt(); }
  absl::StatusOr<std::unique_ptr<Guest>> Open(const GuestId& id) override {
    static_cast<void>(id);
    return NotBuilt();
  }
};

}  // namespace

std::unique_ptr<Hypervisor> MakeXenHypervisor() { return std::make_unique<NoXenHypervisor>(); }

void AddXenResumer(std::vector<std::unique_ptr<GuestResumer>>& resumers) {
  static_cast<void>(resumers);
}

}  // namespace stillframe
