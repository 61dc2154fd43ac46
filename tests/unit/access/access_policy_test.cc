#include "access/access_policy.h"

#include <gtest/gtest.h>

#include "access/policy_board.h"

namespace stillframe {
namespace {

constexpr char kUuid[] = "6f1c02aa-0000-4000-8000-000000000001";
constexpr char kOtherUuid[] = "6f1c02aa-0000-4000-8000-000000000002";

Rights RightsOf(std::initializer_list<Right> list) {
  Rights rights;
  for (const Right right : list) rights.Add(right);
  return rights;
}

TEST(RightsTest, AnyRightBringsListWithIt) {
  EXPECT_TRUE(RightsOf({Right::kCapture}).Has(Right::kList));
  EXPECT_FALSE(RightsOf({Right::kCapture}).Has(Right::kRead));
  EXPECT_TRUE(Rights().empty());
  EXPECT_EQ(RightsOf({Right::kPin, Right::kRead}).Names(),
            (std::vector<std::string_view>{"list", "read", "pin"}));
}

TEST(PrincipalTest, PatternsMatchNamesAndAliases) {
  const Principal user{"user:ann", {"user:1000", "group:secops", "group:27"}};
  EXPECT_TRUE(user.Matches("user:ann"));
  EXPECT_TRUE(user.Matches("user:1000"));
  EXPECT_TRUE(user.Matches("group:sec*"));
  EXPECT_TRUE(user.Matches("user:*"));
  EXPECT_FALSE(user.Matches("group:root"));
  EXPECT_FALSE(user.Matches("ann"));
  const Principal monitor{"spiffe://example.org/monitor/eu/m1", {}};
  EXPECT_TRUE(monitor.Matches("spiffe://example.org/monitor/*"));
  EXPECT_FALSE(monitor.Matches("spiffe://example.com/*"));
  EXPECT_FALSE(monitor.Matches("dns:*"));
}

TEST(AccessPolicyTest, DeniesWhatNoGrantNames) {
  const AccessPolicy policy({Grant{{"dns:mon1"}, {"web*"}, RightsOf({Right::kRead})}}, {});
  const Principal mon1{"dns:mon1", {}};
  EXPECT_TRUE(policy.RightsOn(mon1, "web1", kUuid).Has(Right::kRead));
  EXPECT_TRUE(policy.RightsOn(mon1, "db1", kUuid).empty());
  EXPECT_TRUE(policy.RightsOn(Principal::Anonymous(), "web1", kUuid).empty());
  EXPECT_FALSE(policy.GrantsAnything(Principal::Anonymous()));
  EXPECT_TRUE(policy.RightsOnEveryGuest(mon1).empty());
}

TEST(AccessPolicyTest, RightsAddUpOverGrants) {
  const AccessPolicy policy({Grant{{"dns:*"}, {"*"}, RightsOf({Right::kList})},
                             Grant{{"dns:mon1"}, {"web*"}, RightsOf({Right::kCapture})}},
                            {});
  const Principal mon1{"dns:mon1", {}};
  EXPECT_TRUE(policy.RightsOn(mon1, "web1", kUuid).Has(Right::kCapture));
  EXPECT_FALSE(policy.RightsOn(mon1, "db1", kUuid).Has(Right::kCapture));
  EXPECT_EQ(policy.RightsOnEveryGuest(mon1), RightsOf({Right::kList}));
  EXPECT_EQ(policy.GrantsTo(mon1).size(), 2u);
}

// A guest cannot be given rights by calling it as another one's UUID.
TEST(AccessPolicyTest, UuidsNameByIdentityAlone) {
  const AccessPolicy policy({Grant{{"dns:mon1"}, {kUuid}, RightsOf({Right::kRead})}}, {});
  const Principal mon1{"dns:mon1", {}};
  EXPECT_FALSE(policy.RightsOn(mon1, "web1", kUuid).empty());
  EXPECT_TRUE(policy.RightsOn(mon1, kUuid, kOtherUuid).empty());
}

TEST(AccessPolicyTest, WithoutAFileSocketsDecide) {
  const AccessPolicy policy = AccessPolicy::SocketPermissions();
  const Rights rights = policy.RightsOn({"user:ann", {}}, "web1", kUuid);
  EXPECT_TRUE(rights.Has(Right::kPin));
  EXPECT_FALSE(rights.Has(Right::kAdmin));
  EXPECT_FALSE(policy.GrantsAnything(Principal::Anonymous()));
  EXPECT_FALSE(policy.GrantsAnything({"dns:mon1", {}}));
}

TEST(AccessPolicyTest, TheFirstQuotaThatFitsHolds) {
  QuotaRule mine{{"dns:mon1"}, {}};
  mine.limits.streams_max = 2;
  QuotaRule all{{"dns:*"}, {}};
  all.limits.streams_max = 1;
  const AccessPolicy policy({}, {mine, all});
  EXPECT_EQ(policy.LimitsOf({"dns:mon1", {}}).streams_max, 2u);
  EXPECT_EQ(policy.LimitsOf({"dns:mon2", {}}).streams_max, 1u);
  EXPECT_EQ(policy.LimitsOf(Principal::Anonymous()).streams_max, 0u);
}

TEST(PolicyBoardTest, ReadersKeepThePolicyTheyTook) {
  PolicyBoard board(AccessPolicy::SocketPermissions());
  const auto before = board.Get();
  const std::uint64_t version = board.version();
  board.Replace(AccessPolicy({}, {}));
  EXPECT_GT(board.version(), version);
  EXPECT_TRUE(before->GrantsAnything({"user:ann", {}}));
  EXPECT_FALSE(board.Get()->GrantsAnything({"user:ann", {}}));
}

}  // namespace
}  // namespace stillframe
