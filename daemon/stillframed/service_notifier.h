// What systemd hears from the daemon: ready, alive, stopping, a line of status.
//
// Does nothing outside a unit of Type=notify. Owned by one thread.
#pragma once

#include <cstdint>
#include <string>

namespace stillframe {

class ServiceNotifier {
 public:
  void Ready();
  void Stopping();

  // Shown by `systemctl status`; repeated texts are not sent again.
  void Status(const std::string& text);

  // Keeps WatchdogSec= from striking.
  void Alive();

 private:
  std::string status_;
};

}  // namespace stillframe
