#include "service/service_notifier.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <cstdint>

namespace stillframe {
namespace {

// One line: a line break in a guest's name would begin a message of its own.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = '?';
  }
  return text;
}

}  // namespace

ServiceNotifier::ServiceNotifier() {
  std::uint64_t watchdog_us = 0;
  if (sd_watchdog_enabled(0, &watchdog_us) > 0) {
    alive_period_ = std::chrono::microseconds(watchdog_us / 3);
  }
}

void ServiceNotifier::Ready(const std::string& status) {
  status_ = status;
  sd_notify(0, fmt::format("READY=1\nSTATUS={}", OneLine(status)).c_str());
}

void ServiceNotifier::Status(const std::string& status) {
  if (status == status_) return;
  status_ = status;
  sd_notify(0, fmt::format("STATUS={}", OneLine(status)).c_str());
}

void ServiceNotifier::Stopping() { sd_notify(0, "STOPPING=1"); }

void ServiceNotifier::Alive() { sd_notify(0, "WATCHDOG=1"); }

}  // namespace stillframe
