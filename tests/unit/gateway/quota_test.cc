#include "gateway/quota.h"

#include <gtest/gtest.h>

#include "base/reason.h"
#include "gateway/pagination.h"

namespace stillframe {
namespace {

std::shared_ptr<Quota> MakeQuota(std::uint32_t total, std::uint32_t per_client) {
  return std::make_shared<Quota>(Quota::Bound{"total_max", total},
                                 Quota::Bound{"per_client_max", per_client});
}

TEST(QuotaTest, RefusesOneClientBeforeAll) {
  const auto quota = MakeQuota(3, 2);
  const auto first = quota->Take("read", "ipv4:127.0.0.1:1");
  const auto second = quota->Take("read", "ipv4:127.0.0.1:1");
  const auto refused = quota->Take("read", "ipv4:127.0.0.1:1");
  EXPECT_EQ(ReasonOf(refused.status()).metadata.at("limit"), "per_client_max");
  const auto other = quota->Take("read", "ipv4:127.0.0.1:2");
  EXPECT_TRUE(other.ok());
  EXPECT_EQ(ReasonOf(quota->Take("read", "ipv4:127.0.0.1:3").status()).metadata.at("limit"),
            "total_max");
}

TEST(QuotaTest, LeasesGiveTheirPlaceBack) {
  const auto quota = MakeQuota(1, 1);
  { EXPECT_TRUE(quota->Take("read", "ipv4:127.0.0.1:1").ok()); }
  EXPECT_EQ(quota->taken(), 0u);
  EXPECT_TRUE(quota->Take("read", "ipv4:127.0.0.1:1").ok());
}

TEST(QuotaTest, CallersOnAUnixSocketShareOnlyTheTotal) {
  const auto quota = MakeQuota(3, 1);
  const auto first = quota->Take("read", "unix:");
  EXPECT_TRUE(quota->Take("read", "unix:").ok());
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
