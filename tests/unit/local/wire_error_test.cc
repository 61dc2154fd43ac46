#include "local/wire_error.h"

#include <gtest/gtest.h>

#include "base/reason.h"
#include "base/status.h"

namespace stillframe {
namespace {

TEST(WireErrorTest, CarriesCodeMessageReasonAndMetadata) {
  const absl::Status status =
      WithReason(absl::OutOfRangeError("gone"), "GENERATION_EVICTED", {{"oldest_generation", "7"}});
  const absl::Status arrived = FromWire(ToWire(status));
  EXPECT_EQ(arrived.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(MessageOf(arrived), "gone");
  EXPECT_EQ(ReasonOf(arrived).name, "GENERATION_EVICTED");
  EXPECT_EQ(ReasonOf(arrived).metadata.at("oldest_generation"), "7");
}

TEST(WireErrorTest, AnErrorIsNeverOk) {
  for (const int code : {0, -1, 17, 1 << 30}) {
    local::v1::Error error;
    error.set_code(code);
    EXPECT_EQ(FromWire(error).code(), absl::StatusCode::kUnknown) << code;
  }
}

}  // namespace
}  // namespace stillframe
