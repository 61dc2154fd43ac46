// What QEMU's run states mean to us (qapi/run-state.json).
#pragma once

#include <cstdint>
#include <string_view>

#include "guest/guest.h"

namespace stillframe {

enum class QemuMotion : std::uint8_t {
  kRunning,     // vCPUs run: a `stop` of ours is ours to undo
  kStanding,    // vCPUs stand and stay so until somebody acts: not our pause
  kInTransfer,  // QEMU itself is about to change the state (migration, saving): hands off
};

struct QemuState {
  QemuMotion motion = QemuMotion::kInTransfer;
  RunState run_state = RunState::kPaused;
};

// Names that are not known count as kInTransfer: nobody touches what nobody understands.
inline QemuState StateOf(std::string_view status) {
  if (status == "running") return {QemuMotion::kRunning, RunState::kRunning};
  if (status == "shutdown") return {QemuMotion::kStanding, RunState::kShutDown};
  if (status == "guest-panicked" || status == "internal-error") {
    return {QemuMotion::kStanding, RunState::kCrashed};
  }
  if (status == "paused" || status == "prelaunch" || status == "postmigrate" ||
      status == "suspended" || status == "io-error" || status == "watchdog" || status == "debug") {
    return {QemuMotion::kStanding, RunState::kPaused};
  }
  return {};
}

}  // namespace stillframe
