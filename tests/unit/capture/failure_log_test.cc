#include "capture/failure_log.h"

#include <gtest/gtest.h>

namespace stillframe {
namespace {

constexpr std::uint64_t kStartNs = 5'000'000'000;

absl::Status Full() { return WithReason(absl::ResourceExhaustedError("full"), "LIMIT_EXCEEDED"); }

TEST(FailureLogTest, TheFirstIsToldThenOneAMinuteWithTheCountOfTheOthers) {
  FailureLog log;
  EXPECT_EQ(log.Failed(Full(), kStartNs), 0u);
  for (std::uint64_t i = 1; i <= 9; ++i) EXPECT_EQ(log.Failed(Full(), kStartNs + i), std::nullopt);
  EXPECT_EQ(log.Failed(Full(), kStartNs + FailureLog::kIntervalNs), 9u);
  EXPECT_EQ(log.Failed(Full(), kStartNs + FailureLog::kIntervalNs + 1), std::nullopt);
}

TEST(FailureLogTest, AnotherKindIsToldAtOnce) {
  FailureLog log;
  EXPECT_EQ(log.Failed(Full(), kStartNs), 0u);
  EXPECT_EQ(log.Failed(Full(), kStartNs + 1), std::nullopt);
  EXPECT_EQ(log.Failed(absl::UnavailableError("hung"), kStartNs + 2), 0u);
  EXPECT_EQ(log.Failed(WithReason(absl::UnavailableError("shut"), "GUEST_GONE"), kStartNs + 3), 0u);
}

TEST(FailureLogTest, AfterASuccessTheNextIsToldAtOnce) {
  FailureLog log;
  EXPECT_EQ(log.Failed(Full(), kStartNs), 0u);
  EXPECT_EQ(log.Failed(Full(), kStartNs + 1), std::nullopt);
  log.Succeeded();
  EXPECT_EQ(log.Failed(Full(), kStartNs + 2), 0u);
}

}  // namespace
}  // namespace stillframe
