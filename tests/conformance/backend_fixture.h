// What one backend must provide so that the conformance suite can run on it.
//
// One object per test. Owned by the test's thread. Everything it started is gone when it goes.
// Actions that a backend cannot do return UNIMPLEMENTED with the reason; the test then skips.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/units.h"
#include "base/uuid.h"
#include "guest/guest.h"
#include "guest/hypervisor.h"

namespace stillframe {

enum class TestWorkload {
  kIdle,       // nothing but what the guest's system does by itself
  kTornPages,  // stamps sequence numbers into pages in order, for ever (introspect/torn_pages.h)
};

struct GuestShape {
  TestWorkload workload = TestWorkload::kTornPages;
  std::uint32_t vcpus = 1;
};

class BackendFixture {
 public:
  virtual ~BackendFixture() = default;

  // Starts a guest and returns when its workload runs. UNIMPLEMENTED: this machine or backend
  // cannot, and why.
  virtual absl::Status Start(const GuestShape& shape) = 0;

  // A hypervisor that sees the guest, and the backend's resumer.
  virtual std::unique_ptr<Hypervisor> OpenHypervisor() = 0;
  virtual std::unique_ptr<GuestResumer> OpenResumer() = 0;

  // Whether the resumer can connect by address while the daemon's connection is open; QEMU's
  // monitors serve one client.
  virtual bool ConnectsBesideTheDaemon() const { return true; }

  // Which guest was started.
  virtual GuestIdentity identity() const = 0;

  // How many pages the torn-page workload stamps.
  virtual std::uint64_t torn_pages() const = 0;

  // Whether `vcpus`, read in a pause, fits the memory that `view` shows in the same pause.
  // UNIMPLEMENTED: the workload leaves nothing in registers to compare.
  virtual absl::Status CheckRegisters(const std::vector<VcpuState>& vcpus,
                                      const GuestView& view) = 0;

  // Whether a page with these bytes is one that the hypervisor itself writes, in a pause too.
  virtual bool IsWrittenByHypervisor(std::span<const std::byte, kPageBytes> page) const {
    static_cast<void>(page);
    return false;
  }

  // Whether the guest's vCPUs run now, asked by another way than the one under test.
  virtual absl::StatusOr<RunState> ObservedState() = 0;

  // What somebody other than the daemon does to the guest.
  virtual absl::Status OperatorPause() = 0;
  virtual absl::Status OperatorResume() = 0;
  virtual absl::Status Reboot() = 0;  // returns when the workload runs again
  virtual absl::Status Die() = 0;     // at once, as by SIGKILL; returns when it is gone

  // Whether memory that went since the last Refresh ends a fetch of dirty pages with ABORTED. Xen
  // keeps what is mapped, so that a capture still finds the last bytes, and the next Refresh tells.
  virtual bool TellsBalloonsInThePause() const { return true; }

  // Takes some RAM that the workload does not use away from the guest; returns which.
  virtual absl::StatusOr<GfnRange> BalloonOut() = 0;
};

// A backend as a test parameter.
struct BackendCase {
  std::string name;
  std::function<std::unique_ptr<BackendFixture>()> make;

  friend std::ostream& operator<<(std::ostream& out, const BackendCase& backend) {
    return out << backend.name;
  }
};

}  // namespace stillframe
