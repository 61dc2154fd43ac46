#include "simguest/vcpu_gate.h"

namespace stillframe::sim {

void VcpuGate::Close() {
  MutexLock lock(mu_);
  closed_ = true;
  must_stop_.store(true, std::memory_order_relaxed);
  changed_.NotifyAll();
  while (parked_ != vcpus_) all_parked_.Wait(mu_);
}

void VcpuGate::Open() {
  MutexLock lock(mu_);
  closed_ = false;
  must_stop_.store(dismissed_, std::memory_order_relaxed);
  changed_.NotifyAll();
}

void VcpuGate::Dismiss() {
  MutexLock lock(mu_);
  dismissed_ = true;
  must_stop_.store(true, std::memory_order_relaxed);
  changed_.NotifyAll();
}

bool VcpuGate::Pass(std::chrono::nanoseconds idle) {
  if (idle.count() == 0 && !must_stop_.load(std::memory_order_relaxed)) return true;
  const auto deadline = std::chrono::steady_clock::now() + idle;
  MutexLock lock(mu_);
  for (;;) {
    if (dismissed_) return false;
    if (closed_) {
      ++parked_;
      if (parked_ == vcpus_) all_parked_.NotifyAll();
      while (closed_ && !dismissed_) changed_.Wait(mu_);
      --parked_;
      continue;
    }
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left.count() <= 0) return true;
    changed_.WaitFor(mu_, left);
  }
}

}  // namespace stillframe::sim
