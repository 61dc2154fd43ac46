#include "guest/guest.h"

namespace stillframe {

std::string_view NameOf(RunState state) {
  switch (state) {
    case RunState::kRunning:
      return "running";
    case RunState::kPaused:
      return "paused";
    case RunState::kShutDown:
      return "shut down";
    case RunState::kCrashed:
      return "crashed";
  }
  return "unknown";
}

std::string_view NameOf(Consistency consistency) {
  switch (consistency) {
    case Consistency::kInstantaneous:
      return "instantaneous";
    case Consistency::kQuasiInstantaneous:
      return "quasi-instantaneous";
  }
  return "unknown";
}

}  // namespace stillframe
