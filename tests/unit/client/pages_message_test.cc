#include "pages_message.h"

#include <gtest/gtest.h>

#include "stillframe/v1/memory_service.pb.h"

namespace stillframe {
namespace {

// The message in slices of `piece` bytes.
grpc::ByteBuffer Slices(const std::string& wire, std::size_t piece) {
  std::vector<grpc::Slice> slices;
  for (std::size_t at = 0; at < wire.size(); at += piece)
    slices.emplace_back(wire.substr(at, piece));
  return {slices.data(), slices.size()};
}

v1::ReadPagesResponse Response() {
  v1::ReadPagesResponse response;
  response.set_first_gfn(5);
  response.set_page_count(2);
  response.set_status(v1::PAGE_STATUS_PRESENT);
  for (std::size_t i = 0; i < 2 * kPageBytes; ++i) {
    response.mutable_data()->push_back(static_cast<char>(i * 7));
  }
  response.mutable_snapshot()->set_generation(9);
  return response;
}

TEST(PagesMessageTest, DecodesHoweverTheSlicesFall) {
  const v1::ReadPagesResponse response = Response();
  const std::string wire = response.SerializeAsString();
  for (const std::size_t piece : {wire.size(), std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
    auto buffer = Slices(wire, piece);
    std::vector<std::byte> scratch;
    PagesMessage message;
    ASSERT_TRUE(DecodePages(buffer, scratch, message).ok());
    EXPECT_EQ(message.run.range, (GfnRange{Gfn{5}, 2}));
    EXPECT_EQ(message.run.status, v1::PAGE_STATUS_PRESENT);
    EXPECT_EQ(message.snapshot->generation(), 9u);
    const auto* data = reinterpret_cast<const char*>(message.run.bytes.data());
    EXPECT_EQ(std::string(data, message.run.bytes.size()), response.data());
    EXPECT_EQ(scratch.empty(), piece == wire.size());
  }
}

TEST(PagesMessageTest, TruncatedMessagesAreErrors) {
  const std::string wire = Response().SerializeAsString();
  for (const std::size_t length :
       {std::size_t{1}, std::size_t{3}, std::size_t{100}, wire.size() - 1}) {
    auto buffer = Slices(wire.substr(0, length), 64);
    std::vector<std::byte> scratch;
    PagesMessage message;
    EXPECT_FALSE(DecodePages(buffer, scratch, message).ok()) << length;
  }
}

TEST(PagesMessageTest, SkipsFieldsItDoesNotKnow) {
  std::string wire = Response().SerializeAsString();
  wire += std::string("\xfa\x01\x03", 3) + "abc";  // field 31, three bytes
  auto buffer = Slices(wire, wire.size());
  std::vector<std::byte> scratch;
  PagesMessage message;
  ASSERT_TRUE(DecodePages(buffer, scratch, message).ok());
  EXPECT_EQ(message.run.range.pages, 2u);
}

}  // namespace
}  // namespace stillframe
