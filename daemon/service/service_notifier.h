// What the service manager hears: ready, status, still alive. Does nothing without one.
//
// Owned by one thread.
#pragma once

#include <chrono>
#include <string>

namespace stillframe {

class ServiceNotifier {
 public:
  ServiceNotifier();

  void Ready(const std::string& status);
  // Shown by `systemctl status`; a text that was sent last is not sent again.
  void Status(const std::string& status);
  void Stopping();
  void Alive();

  // How often Alive is due; 0: never.
  std::chrono::microseconds alive_period() const { return alive_period_; }

 private:
  std::chrono::microseconds alive_period_{0};
  std::string status_;
};

}  // namespace stillframe
