// Simulated guests: every process that listens on <directory>/<name>.sim.
//
// Thread-compatible.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "guest/hypervisor.h"

namespace stillframe {

class SimHypervisor final : public Hypervisor {
 public:
  explicit SimHypervisor(std::string directory) : directory_(std::move(directory)) {}

  Backend backend() const override { return Backend::kSim; }

  // Sockets that nobody listens on any more, or that answer nonsense, are left out.
  absl::StatusOr<std::vector<GuestListing>> List() override;

  absl::StatusOr<std::unique_ptr<Guest>> Open(const GuestId& id) override;

 private:
  struct Found {
    std::string path;
    GuestListing listing;
  };
  absl::StatusOr<std::vector<Found>> Scan() const;

  const std::string directory_;
};

}  // namespace stillframe
