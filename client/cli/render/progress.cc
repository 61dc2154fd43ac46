#include "render/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "render/text.h"

namespace stillframe::cli {
namespace {

constexpr std::chrono::milliseconds kQuiet{1000};
constexpr std::chrono::milliseconds kTerminalEvery{200};
constexpr std::chrono::milliseconds kLogEvery{1000};

}  // namespace

std::string ProgressLine(const std::string& what, std::uint64_t bytes_done,
                         std::uint64_t bytes_total, double seconds) {
  const double rate = seconds > 0 ? static_cast<double>(bytes_done) / seconds : 0;
  std::string line =
      fmt::format("{}: {} of {}", what, FormatBytes(bytes_done), FormatBytes(bytes_total));
  if (bytes_total > 0) line += fmt::format(" ({} %)", bytes_done * 100 / bytes_total);
  if (rate <= 0) return line;
  const double left = static_cast<double>(bytes_total - std::min(bytes_total, bytes_done)) / rate;
  return line +
         fmt::format(", {}/s, {:.0f} s left", FormatBytes(static_cast<std::uint64_t>(rate)), left);
}

Progress::Progress(std::string what, std::uint64_t bytes_total, When when)
    : what_(std::move(what)),
      bytes_total_(bytes_total),
      terminal_(isatty(STDERR_FILENO) == 1),
      enabled_(terminal_ || when == When::kAlways),
      next_(begin_ + kQuiet) {}

Progress::~Progress() {
  if (shown_ && terminal_) fmt::print(stderr, "\r\033[K");
}

void Progress::Advance(std::uint64_t bytes) {
  bytes_done_ += bytes;
  if (!enabled_ || Clock::now() < next_) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
  Tell(ProgressLine(what_, bytes_done_, bytes_total_, seconds));
}

void Progress::Tell(const std::string& line) {
  if (!enabled_) return;
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + (terminal_ ? kTerminalEvery : kLogEvery);
  shown_ = true;
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r" : "", line, terminal_ ? "\033[K" : "\n");
  std::fflush(stderr);
}

}  // namespace stillframe::cli
