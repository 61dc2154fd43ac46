// Which failed captures are told of: the first of a kind, then one a minute of those that come back
// with every period.
//
// Owned by the capture worker's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "base/reason.h"

namespace stillframe {

class FailureLog {
 public:
  static constexpr std::uint64_t kIntervalNs = 60'000'000'000;

  // A capture failed at `now_ns` of CLOCK_MONOTONIC. If that is to be told: how many of this kind
  // were not told before it.
  std::optional<std::uint64_t> Failed(const absl::Status& failure, std::uint64_t now_ns) {
    std::pair kind(failure.code(), ReasonOf(failure).name);
    if (kind == kind_ && now_ns - told_ns_ < kIntervalNs) {
      ++untold_;
      return std::nullopt;
    }
    if (kind != kind_) untold_ = 0;
    kind_ = std::move(kind);
    told_ns_ = now_ns;
    return std::exchange(untold_, 0);
  }

  // A capture succeeded: whatever fails next is told at once.
  void Succeeded() {
    kind_ = {absl::StatusCode::kOk, ""};
    untold_ = 0;
  }

 private:
  std::pair<absl::StatusCode, std::string> kind_{absl::StatusCode::kOk, ""};
  std::uint64_t told_ns_ = 0;
  std::uint64_t untold_ = 0;
};

}  // namespace stillframe
