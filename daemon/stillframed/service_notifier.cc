#include "stillframed/service_notifier.h"

#include <systemd/sd-daemon.h>

namespace stillframe {

void ServiceNotifier::Ready() { sd_notify(0, "READY=1"); }

void ServiceNotifier::Stopping() { sd_notify(0, "STOPPING=1"); }

void ServiceNotifier::Status(const std::string& text) {
  if (text == status_) return;
  status_ = text;
  sd_notify(0, ("STATUS=" + text).c_str());
}

void ServiceNotifier::Alive() { sd_notify(0, "WATCHDOG=1"); }

}  // namespace stillframe
