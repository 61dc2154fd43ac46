#include "gateway/run_header.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "stillframe/v1/memory_service.pb.h"

namespace stillframe {
namespace {

std::string Bytes(const RunHeader& header) {
  return std::string(reinterpret_cast<const char*>(header.bytes().data()), header.bytes().size());
}

struct Case {
  GfnRange range;
  v1::PageStatus status;
  std::size_t payload_bytes;
};

class RunHeaderTest : public testing::TestWithParam<Case> {};

TEST_P(RunHeaderTest, WithThePayloadIsTheGeneratedMessage) {
  const Case& c = GetParam();
  const std::string payload(c.payload_bytes, 'x');

  const std::string wire = Bytes(RunHeader(c.range, c.status, payload.size())) + payload;

  v1::ReadPagesResponse expected;
  expected.set_first_gfn(c.range.first.value);
  expected.set_page_count(c.range.pages);
  expected.set_status(c.status);
  expected.set_data(payload);
  EXPECT_EQ(wire, expected.SerializeAsString());
  v1::ReadPagesResponse parsed;
  ASSERT_TRUE(parsed.ParseFromString(wire));
  EXPECT_EQ(parsed.first_gfn(), c.range.first.value);
  EXPECT_EQ(parsed.data(), payload);
}

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

INSTANTIATE_TEST_SUITE_P(
    Edges, RunHeaderTest,
    testing::Values(Case{{Gfn{0}, 1}, v1::PAGE_STATUS_PRESENT, 4096},
                    Case{{Gfn{1}, 0}, v1::PAGE_STATUS_ZERO, 0},
                    Case{{Gfn{127}, 128}, v1::PAGE_STATUS_ABSENT_HOLE, 0},
                    Case{{Gfn{kMax}, kMax}, v1::PAGE_STATUS_ABSENT_UNREADABLE, 0},
                    Case{{Gfn{std::uint64_t{1} << 35}, 1024}, v1::PAGE_STATUS_PRESENT, 4 << 20},
                    Case{{Gfn{0}, 0}, v1::PAGE_STATUS_UNSPECIFIED, 0}));

}  // namespace
}  // namespace stillframe
