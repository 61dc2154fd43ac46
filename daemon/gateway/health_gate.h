// Tells gRPC's health service whether calls can be served: only while the daemon is there. The
// service called "stillframe.guests" is served only while captures of no guest fail, too.
//
// Thread-safe. The daemon may come before the server does.
#pragma once

#include <grpcpp/health_check_service_interface.h>

#include "base/mutex.h"
#include "gateway/daemon_link.h"

namespace stillframe {

class HealthGate {
 public:
  void Attach(grpc::HealthCheckServiceInterface* health) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    health_ = health;
    Tell();
  }

  void Set(DaemonLink::State state) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    serving_ = state == DaemonLink::State::kThere;
    guests_well_ = guests_well_ && serving_;
    Tell();
  }

  // Whether every guest that can be captured is.
  void SetGuests(bool well) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    guests_well_ = well && serving_;
    Tell();
  }

 private:
  void Tell() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (health_ == nullptr) return;
    for (const char* const service :
         {"", "stillframe.v1.GuestService", "stillframe.v1.SnapshotService",
          "stillframe.v1.PinService", "stillframe.v1.MemoryService", "stillframe.v1.AccessService",
          "stillframe.v1.HostService"}) {
      health_->SetServingStatus(service, serving_);
    }
    health_->SetServingStatus("stillframe.guests", guests_well_);
  }

  Mutex mu_;
  grpc::HealthCheckServiceInterface* health_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool serving_ ABSL_GUARDED_BY(mu_) = false;
  bool guests_well_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace stillframe
