#include "soak/process_use.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace stillframe::soak {
namespace {

// What may come and go without being growth: streams of wedged readers, connections.
constexpr double kSlackBytes = 24.0 * (1 << 20);
constexpr double kSlackFds = 48;
constexpr double kSlackShare = 1.25;

Use Larger(const Use& a, const Use& b) {
  return {std::max(a.rss_bytes, b.rss_bytes), std::max(a.anon_bytes, b.anon_bytes),
          std::max(a.fds, b.fds)};
}

}  // namespace

Use UseOf(pid_t pid) {
  Use use;
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string key; status >> key;) {
    if (key != "VmRSS:" && key != "RssAnon:") continue;
    std::uint64_t kib = 0;
    status >> kib;
    (key == "VmRSS:" ? use.rss_bytes : use.anon_bytes) = kib << 10;
  }
  std::error_code error;
  std::filesystem::directory_iterator descriptors(fmt::format("/proc/{}/fd", pid), error);
  for (; !error && descriptors != std::filesystem::directory_iterator();
       descriptors.increment(error)) {
    ++use.fds;
  }
  return use;
}

void UseRecord::Add(double seconds, pid_t pid, const Use& use) {
  if (use.rss_bytes == 0) return;  // it is being started anew
  last_ = use;
  samples_.push_back({seconds, pid, use});
}

Use UseRecord::Most() const {
  Use most;
  for (const Sample& sample : samples_) most = Larger(most, sample.use);
  return most;
}

Use UseRecord::MostInThird(int third) const {
  Use most;
  if (samples_.empty()) return most;
  const double begin = samples_.front().seconds;
  const double length = (samples_.back().seconds - begin) / 3;
  for (const Sample& sample : samples_) {
    const int in = length > 0 ? static_cast<int>((sample.seconds - begin) / length) : 2;
    if (std::min(in, 2) == third) most = Larger(most, sample.use);
  }
  return most;
}

UseRecord::Growth UseRecord::GrowthInALife(double seconds_min) const {
  Growth most;
  for (auto first = samples_.begin(); first != samples_.end();) {
    const auto end = std::find_if(first, samples_.end(),
                                  [&](const Sample& sample) { return sample.pid != first->pid; });
    const auto count = end - first;
    if ((end - 1)->seconds - first->seconds >= seconds_min && count >= 8) {
      double anon_bytes = 0, fds = 0;
      const auto quarter = count / 4;
      for (auto i = 0; i < quarter; ++i) {
        const Use& early = (first + quarter + i)->use;
        const Use& late = (end - 1 - i)->use;
        anon_bytes += static_cast<double>(late.anon_bytes) - static_cast<double>(early.anon_bytes);
        fds += static_cast<double>(late.fds) - static_cast<double>(early.fds);
      }
      anon_bytes /= static_cast<double>(quarter);
      fds /= static_cast<double>(quarter);
      most.anon_bytes = most.lives == 0 ? anon_bytes : std::max(most.anon_bytes, anon_bytes);
      most.fds = most.lives == 0 ? fds : std::max(most.fds, fds);
      ++most.lives;
    }
    first = end;
  }
  return most;
}

bool UseRecord::IsFlat() const {
  constexpr double kLifeSecondsMin = 50;
  const Use before = MostInThird(1), after = MostInThird(2);
  const Growth growth = GrowthInALife(kLifeSecondsMin);
  const auto fits = [](std::uint64_t is, std::uint64_t was, double slack) {
    return static_cast<double>(is) <= static_cast<double>(was) * kSlackShare + slack;
  };
  return !samples_.empty() && fits(after.anon_bytes, before.anon_bytes, kSlackBytes) &&
         fits(after.fds, before.fds, kSlackFds) && growth.anon_bytes <= kSlackBytes &&
         growth.fds <= kSlackFds;
}

}  // namespace stillframe::soak
