#include "gateway/error_details.h"

#include <gtest/gtest.h>

#include "base/reason.h"
#include "gateway/refusal.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace stillframe {
namespace {

google::rpc::Status Decode(const absl::Status& status) {
  google::rpc::Status message;
  EXPECT_TRUE(message.ParseFromString(ErrorDetailsOf(status)));
  return message;
}

TEST(ErrorDetailsTest, CarryReasonDomainAndMetadata) {
  const google::rpc::Status message = Decode(LimitExceeded("read", "streams_max", 3));
  EXPECT_EQ(message.code(), 8);  // google.rpc.Code.RESOURCE_EXHAUSTED
  ASSERT_EQ(message.details_size(), 1);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(message.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "LIMIT_EXCEEDED");
  EXPECT_EQ(info.domain(), "stillframe");
  EXPECT_EQ(info.metadata().at("limit"), "streams_max");
}

TEST(ErrorDetailsTest, UnavailableSaysWhenToTryAgain) {
  const google::rpc::Status message =
      Decode(WithReason(absl::UnavailableError("away"), "DAEMON_UNAVAILABLE"));
  ASSERT_EQ(message.details_size(), 2);
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(message.details(1).UnpackTo(&retry));
  EXPECT_GT(retry.retry_delay().nanos(), 0);
}

TEST(ErrorDetailsTest, LongMessagesAreCutBetweenCharacters) {
  std::string text(1023, 'a');
  text += "\xc3\xa4";  // its second byte would be the 1025th
  EXPECT_EQ(TrailerMessageOf(absl::InternalError(text)), std::string(1023, 'a'));
}

}  // namespace
}  // namespace stillframe
