#include "gateway/gateway_metrics.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "gateway/refusal.h"

namespace stillframe {
namespace {

std::uint64_t Sum(const std::map<GatewayMetrics::Denial, std::uint64_t>& denials) {
  std::uint64_t sum = 0;
  for (const auto& [denial, count] : denials) sum += count;
  return sum;
}

TEST(GatewayMetricsTest, CallsCountByMethodAndCode) {
  GatewayMetrics metrics;
  metrics.CallEnded("GuestService/ListGuests", "a", absl::OkStatus());
  metrics.CallEnded("GuestService/ListGuests", "b", absl::OkStatus());
  metrics.CallEnded("GuestService/GetGuest", "a", absl::NotFoundError("no"));
  const auto calls = metrics.calls();
  EXPECT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls.at({"GuestService/ListGuests", "OK"}), 2u);
  EXPECT_EQ(calls.at({"GuestService/GetGuest", "NOT_FOUND"}), 1u);
  EXPECT_TRUE(metrics.denials().empty());
}

TEST(GatewayMetricsTest, RefusalsCountByPrincipalReasonAndQuota) {
  GatewayMetrics metrics;
  metrics.CallEnded("m", "spiffe://x/a", LimitExceeded("read", "streams_max", 4));
  metrics.CallEnded("m", "spiffe://x/a", absl::PermissionDeniedError("no"));
  metrics.CallEnded("m", "", absl::UnauthenticatedError("who"));
  const auto denials = metrics.denials();
  EXPECT_EQ(denials.size(), 3u);
  EXPECT_EQ(denials.at({"spiffe://x/a", "LIMIT_EXCEEDED", "streams_max"}), 1u);
  EXPECT_EQ(denials.at({"spiffe://x/a", "PERMISSION_DENIED", ""}), 1u);
  EXPECT_EQ(denials.at({"unknown", "UNAUTHENTICATED", ""}), 1u);
}

TEST(GatewayMetricsTest, PrincipalsAreBoundedAndNoDenialIsLost) {
  GatewayMetrics metrics;
  const std::size_t callers = 3 * GatewayMetrics::kPrincipalsMax;
  for (std::size_t i = 0; i < callers; ++i) {
    metrics.Denied(fmt::format("caller{}", i), "NOTHING_GRANTED", "");
  }
  const auto denials = metrics.denials();
  EXPECT_EQ(denials.size(), GatewayMetrics::kPrincipalsMax + 1);
  EXPECT_EQ(denials.at({"other", "NOTHING_GRANTED", ""}), callers - GatewayMetrics::kPrincipalsMax);
  EXPECT_EQ(Sum(denials), callers);
}

TEST(GatewayMetricsTest, SeriesAreBoundedWhateverTheReasons) {
  GatewayMetrics metrics;
  for (std::size_t i = 0; i < 3 * GatewayMetrics::kSeriesMax; ++i) {
    metrics.Denied("a", fmt::format("REASON_{}", i), "");
    metrics.CallEnded(fmt::format("method{}", i), "a", absl::OkStatus());
  }
  EXPECT_LE(metrics.denials().size(), GatewayMetrics::kSeriesMax + 1);
  EXPECT_EQ(Sum(metrics.denials()), 3 * GatewayMetrics::kSeriesMax);
  EXPECT_LE(metrics.calls().size(), GatewayMetrics::kSeriesMax + 1);
}

}  // namespace
}  // namespace stillframe
