// Keeps the fleet in step with the hypervisors, on a thread of its own: listing guests may take a
// while.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "base/unique_fd.h"
#include "capture/fleet.h"

namespace stillframe {

class DiscoveryThread {
 public:
  // Calls fleet.Discover() every period, and sooner when a backend tells of a change.
  DiscoveryThread(Fleet& fleet, std::chrono::milliseconds period);

  // Waits for the Discover that runs.
  ~DiscoveryThread();

  DiscoveryThread(const DiscoveryThread&) = delete;
  DiscoveryThread& operator=(const DiscoveryThread&) = delete;

 private:
  void Run();

  void AwaitChange();

  Fleet& fleet_;
  const std::chrono::milliseconds period_;
  const UniqueFd wake_;  // an eventfd
  std::atomic<bool> stopping_{false};
  std::thread thread_;  // last: starts when all else stands
};

}  // namespace stillframe
