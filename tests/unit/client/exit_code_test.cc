#include "exit_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/reason.h"
#include "explain.h"

namespace stillframe::cli {
namespace {

using ::testing::HasSubstr;

TEST(ExitCodeTest, ReasonsDecideBeforeCodes) {
  EXPECT_EQ(ExitCodeOf(WithReason(absl::NotFoundError(""), "GUEST_NOT_FOUND")),
            ExitCode::kNotFound);
  EXPECT_EQ(ExitCodeOf(WithReason(absl::OutOfRangeError(""), "GENERATION_EVICTED")),
            ExitCode::kNotFound);
  EXPECT_EQ(ExitCodeOf(WithReason(absl::OutOfRangeError(""), "RANGE_PAST_END")), ExitCode::kFailed);
  EXPECT_EQ(ExitCodeOf(WithReason(absl::DataLossError(""), "SNAPSHOT_TORN")), ExitCode::kTorn);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("no such folder")), ExitCode::kFailed);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), ExitCode::kUnavailable);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("")), ExitCode::kPermissionDenied);
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), ExitCode::kOk);
}

TEST(ExplainTest, IsOneHarmlessLine) {
  EXPECT_EQ(Explain(absl::InternalError("a\nb\033[2Jc")), "a?b?[2Jc");
  EXPECT_EQ(Explain(absl::InternalError("")), "INTERNAL");
}

TEST(ExplainTest, AnEvictedGenerationNamesTheOldest) {
  EXPECT_THAT(Explain(WithReason(absl::OutOfRangeError("gone"), "GENERATION_EVICTED",
                                 {{"oldest_generation", "5"}})),
              HasSubstr("oldest still there is 5"));
}

TEST(ExplainTest, SuggestsGuestsWithSimilarNamesOrAllThereAre) {
  std::vector<v1::Guest> guests(3);
  guests[0].set_name("web1");
  guests[1].set_name("web2");
  guests[2].set_name("database");
  EXPECT_EQ(SuggestGuests("wbe1", guests), "did you mean web1?");
  EXPECT_EQ(SuggestGuests("web", guests), "did you mean web1, web2?");
  EXPECT_EQ(SuggestGuests("mail-server", guests), "the guests are: web1, web2, database");
  EXPECT_EQ(SuggestGuests("x", {}), "there are no guests");
}

}  // namespace
}  // namespace stillframe::cli
