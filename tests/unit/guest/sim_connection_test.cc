#include "guest/sim/sim_connection.h"

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace stillframe::sim {
namespace {

// Plays the guest's end by hand. Replies are queued before the call, so a serial is guessed from
// a first call that times out.
struct SimConnectionTest : testing::Test {
  SimConnectionTest() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    peer.reset(ends[1]);
    connection = std::make_unique<SimConnection>(UniqueFd(ends[0]));
  }

  absl::Status Call(std::chrono::milliseconds timeout = std::chrono::milliseconds(10)) {
    Request request;
    request.command = Command::kPause;
    return connection->CallFor(request, reply, {}, timeout);
  }

  // The serial that the next call will use.
  std::uint64_t NextSerial() {
    EXPECT_TRUE(absl::IsDeadlineExceeded(Call()));
    Request seen;
    EXPECT_EQ(recv(peer.get(), &seen, sizeof seen, 0), static_cast<ssize_t>(sizeof seen));
    return seen.serial + 1;
  }

  void Answer(ReplyHeader header, std::size_t body_bytes) {
    header.body_bytes = static_cast<std::uint32_t>(body_bytes);
    std::vector<std::byte> bytes(sizeof header + body_bytes, std::byte{0x11});
    std::memcpy(bytes.data(), &header, sizeof header);
    ASSERT_EQ(send(peer.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }

  UniqueFd peer;
  std::unique_ptr<SimConnection> connection;
  PauseReply reply;
};

TEST_F(SimConnectionTest, TimesOutWhenNobodyAnswers) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(Call()));
}

TEST_F(SimConnectionTest, SkipsLateRepliesToEarlierCalls) {
  const std::uint64_t serial = NextSerial();
  Answer({.command = Command::kPause, .serial = serial - 1}, sizeof reply);
  Answer({.command = Command::kPause, .serial = serial}, sizeof reply);
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(reply.stand, 0x1111111111111111u);
}

TEST_F(SimConnectionTest, PassesOnTheGuestsError) {
  const std::uint64_t serial = NextSerial();
  ReplyHeader header{.command = Command::kPause, .serial = serial};
  header.code = static_cast<int>(absl::StatusCode::kFailedPrecondition);
  header.message.fill('m');  // no terminator
  Answer(header, 0);
  const absl::Status status = Call();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(status.message().size(), header.message.size());
}

TEST_F(SimConnectionTest, RefusesRepliesOfTheWrongShape) {
  std::uint64_t serial = NextSerial();
  Answer({.command = Command::kPause, .serial = serial++}, sizeof reply - 1);
  EXPECT_TRUE(absl::IsDataLoss(Call()));
  Answer({.command = Command::kPause, .serial = serial++}, sizeof reply + 1);
  EXPECT_TRUE(absl::IsDataLoss(Call()));
  Answer({.protocol = 1, .command = Command::kPause, .serial = serial++}, sizeof reply);
  EXPECT_TRUE(absl::IsDataLoss(Call()));
  Answer({.command = Command::kPause, .serial = serial++, .code = 4711}, 0);
  EXPECT_TRUE(absl::IsDataLoss(Call()));
  ASSERT_EQ(send(peer.get(), "x", 1, 0), 1);
  EXPECT_TRUE(absl::IsDataLoss(Call()));
}

TEST_F(SimConnectionTest, AFloodOfRepliesEndsTheCall) {
  for (int i = 0; i < 64; ++i) Answer({.command = Command::kPause, .serial = 1}, 0);
  EXPECT_TRUE(absl::IsDataLoss(Call(std::chrono::seconds(5))));
}

TEST_F(SimConnectionTest, AClosedPeerIsNotFound) {
  peer.reset();
  EXPECT_TRUE(absl::IsNotFound(Call()));
}

TEST(SimConnectTest, NobodyThereIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(SimConnection::Connect("/nonexistent/x.sim").status()));
}

TEST(SimConnectTest, TooLongPathIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(SimConnection::Connect(std::string(200, 'x')).status()));
}

}  // namespace
}  // namespace stillframe::sim
