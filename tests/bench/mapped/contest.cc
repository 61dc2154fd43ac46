#include "bench/mapped/contest.h"

#include <fmt/format.h>

#include "bench/support/interleaved.h"

namespace stillframe::bench {

absl::Status Hold(Contest& contest, int rounds) {
  const std::uint64_t expected = contest.ways.front().read();
  for (int round = 0; round <= rounds; ++round) {
    for (Contest::Way& way : contest.ways) {
      std::uint64_t digest = 0;
      const double seconds = SecondsOf([&] { digest = way.read(); });
      if (digest != expected) {
        return absl::DataLossError(
            fmt::format("{}, {}: not what the file holds", contest.pattern, way.name));
      }
      if (round > 0) way.seconds.Add(seconds);  // the first warms up
    }
  }
  return absl::OkStatus();
}

}  // namespace stillframe::bench
