#include "gateway/quota.h"

#include <gtest/gtest.h>

#include "base/reason.h"
#include "gateway/capture_rate.h"
#include "gateway/pagination.h"
#include "support/fake_clock.h"

namespace stillframe {
namespace {

std::string LimitIn(const absl::Status& status) { return ReasonOf(status).metadata.at("limit"); }

std::shared_ptr<Quota> MakeQuota(std::uint64_t total) {
  return std::make_shared<Quota>(Quota::Bound{"total_max", total});
}

TEST(QuotaTest, RefusesOnePrincipalBeforeAll) {
  const auto quota = MakeQuota(3);
  const Quota::Bound two{"quota.streams_max", 2};
  const auto first = quota->Take("read", "dns:a", two);
  const auto second = quota->Take("read", "dns:a", two);
  EXPECT_EQ(LimitIn(quota->Take("read", "dns:a", two).status()), "quota.streams_max");
  const auto other = quota->Take("read", "dns:b", two);
  EXPECT_TRUE(other.ok());
  EXPECT_EQ(LimitIn(quota->Take("read", "dns:c", two).status()), "total_max");
  EXPECT_EQ(quota->TakenBy("dns:a"), 2u);
}

TEST(QuotaTest, LeasesGiveTheirPlaceBack) {
  const auto quota = MakeQuota(1);
  const Quota::Bound one{"one", 1};
  { EXPECT_TRUE(quota->Take("read", "dns:a", one).ok()); }
  EXPECT_EQ(quota->taken(), 0u);
  EXPECT_EQ(quota->TakenBy("dns:a"), 0u);
  EXPECT_TRUE(quota->Take("read", "dns:a", one).ok());
}

TEST(QuotaTest, AmountsCannotOverflowTheBound) {
  const auto quota = MakeQuota(~std::uint64_t{0});
  const Quota::Bound bytes{"quota.pinned_bytes_max", 1000};
  const auto some = quota->Take("pin", "dns:a", bytes, 600);
  EXPECT_TRUE(some.ok());
  EXPECT_FALSE(quota->Take("pin", "dns:a", bytes, 401).ok());
  EXPECT_FALSE(quota->Take("pin", "dns:a", bytes, ~std::uint64_t{0}).ok());
  EXPECT_TRUE(quota->Take("pin", "dns:a", bytes, 400).ok());
}

TEST(CaptureRateTest, ABurstThenOneByOne) {
  FakeClock clock;
  CaptureRate rate(clock);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(rate.Take("dns:a", 6).ok()) << i;
  const absl::Status refused = rate.Take("dns:a", 6);
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_EQ(LimitIn(refused), "quota.captures_per_minute_max");
  EXPECT_EQ(ReasonOf(refused).metadata.at("retry_ms"), "10001");
  EXPECT_EQ(rate.TakenBy("dns:a", 6), 6u);
  EXPECT_TRUE(rate.Take("dns:b", 6).ok());
  clock.AdvanceMs(10'001);
  EXPECT_TRUE(rate.Take("dns:a", 6).ok());
  EXPECT_FALSE(rate.Take("dns:a", 6).ok());
  clock.AdvanceMs(60'000);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(rate.Take("dns:a", 6).ok()) << i;
}

TEST(CaptureRateTest, ZeroIsNoBound) {
  FakeClock clock;
  CaptureRate rate(clock);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(rate.Take("dns:a", 0).ok());
}

TEST(PaginationTest, TokensComeBackAsTheyWere) {
  const auto parts = ParsePageToken(MakePageToken("web \xc3\xa4/1", "42"));
  ASSERT_TRUE(parts.ok());
  EXPECT_EQ(parts->first, "web \xc3\xa4/1");
  EXPECT_EQ(parts->second, "42");
}

TEST(PaginationTest, ForeignTokensAndNegativeSizesAreRefused) {
  for (const std::string& token :
       {std::string("%%%"), std::string("aGVsbG8"), std::string(9999, 'A')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParsePageToken(token).status())) << token;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(PageSizeOf(-1).status()));
  EXPECT_EQ(*PageSizeOf(0), 1000u);
  EXPECT_EQ(*PageSizeOf(7), 7u);
}

}  // namespace
}  // namespace stillframe
