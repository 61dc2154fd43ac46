#include "base/clock.h"

#include <ctime>

namespace stillframe {
namespace {

std::uint64_t ReadNs(clockid_t id) {
  timespec now;
  clock_gettime(id, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ull +
         static_cast<std::uint64_t>(now.tv_nsec);
}

class SystemClock final : public Clock {
 public:
  std::uint64_t MonotonicNs() const override { return ReadNs(CLOCK_MONOTONIC); }
  std::uint64_t WallNs() const override { return ReadNs(CLOCK_REALTIME); }
};

}  // namespace

const Clock& Clock::System() {
  static const SystemClock clock;
  return clock;
}

}  // namespace stillframe
