// The QEMU guests whose monitors lie where the options' globs point.
//
// Thread-compatible, as Hypervisor says. A monitor serves one client: from the first List on this
// object, or the guest that it opened, holds every monitor that it found.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "guest/hypervisor.h"
#include "guest/qemu/qemu_guest.h"
#include "guest/qemu/qemu_options.h"

namespace stillframe {

class QemuHypervisor final : public Hypervisor {
 public:
  explicit QemuHypervisor(QemuOptions options) : options_(std::move(options)) {}

  Backend backend() const override { return Backend::kQemu; }

  // Monitors that cannot be used are listed with the reason, under an id of the socket's path;
  // socket files that their QEMU left behind are not.
  // Waits at most 100 ms for a monitor that it sees for the first time.
  absl::StatusOr<std::vector<GuestListing>> List() override;

  absl::StatusOr<std::unique_ptr<Guest>> Open(const GuestId& id) override;

 private:
  // What is known about one socket.
  struct Monitor {
    std::unique_ptr<QmpConnection> qmp;      // null: not connected, or handed to the guest
    std::shared_ptr<QemuPresence> presence;  // the guest that was opened here
    GuestIdentity identity;
    RunState state = RunState::kRunning;
    absl::Status readable;
    bool introduced = false;  // identity and readable come from QEMU
  };

  void Look(const std::string& path, Monitor& monitor);
  absl::Status Introduce(const std::string& path, Monitor& monitor);
  std::vector<std::string> Sockets() const;

  const QemuOptions options_;
  std::map<std::string, Monitor> monitors_;  // by path of the socket
};

}  // namespace stillframe
