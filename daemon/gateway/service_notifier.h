// What the service manager hears: ready, status, still alive. Does nothing without one.
#pragma once

#include <chrono>
#include <string>

namespace stillframe {

class ServiceNotifier {
 public:
  ServiceNotifier();

  void Ready(const std::string& status);
  void Status(const std::string& status);
  void Reloading();
  void Stopping();
  void Alive();

  // How often Alive is due; 0: never.
  std::chrono::microseconds alive_period() const { return alive_period_; }

 private:
  std::chrono::microseconds alive_period_{0};
};

}  // namespace stillframe
