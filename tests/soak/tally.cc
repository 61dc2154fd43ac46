#include "soak/tally.h"

#include <fmt/format.h>

#include "base/reason.h"

namespace stillframe::soak {
namespace {

constexpr std::size_t kComplaintsMax = 20;

}  // namespace

void Tally::AddPause(double us) {
  const MutexLock lock(mu_);
  pauses_us_.push_back(us);
}

std::vector<double> Tally::pauses_us() const {
  const MutexLock lock(mu_);
  return pauses_us_;
}

void Tally::AddError(const absl::Status& status) {
  const std::string name =
      fmt::format("{} {}", absl::StatusCodeToString(status.code()), ReasonOf(status).name);
  const MutexLock lock(mu_);
  ++errors_[name];
}

std::map<std::string, std::uint64_t> Tally::errors() const {
  const MutexLock lock(mu_);
  return errors_;
}

void Tally::AddWrong(std::string_view what) {
  ++wrong;
  Complain(what);
}

void Tally::AddGap(std::string_view what) {
  ++silent_gaps;
  Complain(what);
}

std::vector<std::string> Tally::complaints() const {
  const MutexLock lock(mu_);
  return complaints_;
}

void Tally::Complain(std::string_view what) {
  const MutexLock lock(mu_);
  if (complaints_.size() < kComplaintsMax) complaints_.emplace_back(what);
}

}  // namespace stillframe::soak
