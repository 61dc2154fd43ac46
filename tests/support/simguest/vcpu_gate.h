// Parks all vCPU threads and lets them go again.
//
// Thread-safe: vCPU threads call Pass, one control thread calls the rest.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/mutex.h"

namespace stillframe::sim {

class VcpuGate {
 public:
  // Starts closed, with no vCPU parked yet.
  explicit VcpuGate(std::uint32_t vcpus) : vcpus_(vcpus) {}

  // Returns when every vCPU stands in Pass; what they wrote is visible to the caller.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);
  void Open() ABSL_LOCKS_EXCLUDED(mu_);

  // Makes every Pass return false from now on.
  void Dismiss() ABSL_LOCKS_EXCLUDED(mu_);

  // Called by a vCPU between two steps: waits for `idle`, and for as long as the gate is closed.
  // False: end the thread.
  bool Pass(std::chrono::nanoseconds idle) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const std::uint32_t vcpus_;
  std::atomic<bool> must_stop_{true};  // closed or dismissed; spares running vCPUs the lock
  Mutex mu_;
  CondVar changed_;
  CondVar all_parked_;
  bool closed_ ABSL_GUARDED_BY(mu_) = true;
  bool dismissed_ ABSL_GUARDED_BY(mu_) = false;
  std::uint32_t parked_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace stillframe::sim
