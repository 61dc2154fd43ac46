#include "local/frame.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "stillframe/local/v1/local.pb.h"

namespace stillframe {
namespace {

// Gives the decoder at most `step` bytes at a time, as a socket would; returns whole frames.
absl::StatusOr<std::vector<std::string>> Feed(FrameDecoder& decoder, const std::string& stream,
                                              std::size_t step) {
  std::vector<std::string> frames;
  std::size_t at = 0;
  while (at < stream.size()) {
    const std::span<std::byte> space = decoder.Space();
    const std::size_t n = std::min({space.size(), step, stream.size() - at});
    std::memcpy(space.data(), stream.data() + at, n);
    at += n;
    if (absl::Status status = decoder.Commit(n); !status.ok()) return status;
    if (decoder.complete()) frames.push_back(decoder.Take());
  }
  return frames;
}

local::v1::Request Named(const std::string& guest) {
  local::v1::Request request;
  request.set_id(1);
  request.mutable_capture()->set_guest(guest);
  return request;
}

TEST(FrameTest, PutsFramesTogetherHoweverTheBytesArrive) {
  const std::vector<local::v1::Request> sent = {Named("a"), Named(std::string(20000, 'b')),
                                                local::v1::Request(), Named("c")};
  std::string stream;
  for (const auto& request : sent) stream += *EncodeFrame(request, kRequestBytesMax);
  for (const std::size_t step : {1, 3, 7, 4096, 1 << 20}) {
    FrameDecoder decoder(kRequestBytesMax);
    const auto frames = Feed(decoder, stream, step);
    ASSERT_TRUE(frames.ok()) << frames.status();
    ASSERT_EQ(frames->size(), sent.size()) << "step " << step;
    for (std::size_t i = 0; i < sent.size(); ++i) {
      EXPECT_EQ((*frames)[i], sent[i].SerializeAsString());
    }
    EXPECT_TRUE(decoder.idle());
  }
}

TEST(FrameTest, RefusesALengthOverTheBoundAndTakesTheBoundItself) {
  FrameDecoder over(100);
  EXPECT_TRUE(absl::IsInvalidArgument(Feed(over, std::string("\x65\0\0\0", 4), 4).status()));
  FrameDecoder huge(kReplyBytesMax);
  EXPECT_TRUE(absl::IsInvalidArgument(Feed(huge, "\xff\xff\xff\xff", 1).status()));
  FrameDecoder at(100);
  EXPECT_EQ(Feed(at, std::string("\x64\0\0\0", 4) + std::string(100, 'x'), 9)->size(), 1u);
}

TEST(FrameTest, AnAnnouncedLengthAloneGetsLittleMemory) {
  FrameDecoder decoder(kReplyBytesMax);
  ASSERT_TRUE(Feed(decoder, std::string("\0\0\0\x01", 4), 4).ok());  // 16 MiB follow, it says
  EXPECT_LE(decoder.Space().size(), 4096u);
  ASSERT_TRUE(Feed(decoder, std::string(10000, 'x'), 1 << 20).ok());
  EXPECT_LE(decoder.Space().size(), 10000u);
}

TEST(FrameTest, RefusesToEncodeWhatDoesNotFit) {
  EXPECT_TRUE(absl::IsResourceExhausted(EncodeFrame(Named(std::string(200, 'x')), 100).status()));
}

TEST(FrameTest, SurvivesRandomBytes) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    FrameDecoder decoder(300);
    std::string stream(random() % 1000, '\0');
    for (char& c : stream) c = static_cast<char>(random() % 3 == 0 ? random() : 0);
    const auto frames = Feed(decoder, stream, 1 + random() % 50);
    if (!frames.ok()) continue;
    for (const std::string& frame : *frames) EXPECT_LE(frame.size(), 300u);
  }
}

}  // namespace
}  // namespace stillframe
