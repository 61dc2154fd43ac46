#include <sys/uio.h>

#include <cstring>

#include "integration/local/local_fixture.h"
#include "local/frame.h"

namespace stillframe {
namespace {

class HostileReaderTest : public LocalFixture {
 protected:
  void SetUp() override {
    StartServer();
    guests_->Publish(std::byte{5});
    client_ = Connect();
    snapshot_ = *client_->Pin(Select(), std::chrono::milliseconds(0));
  }

  void TearDown() override {
    // Whatever one reader did, the other has its pin and its answers.
    EXPECT_TRUE(client_->ListGuests().ok());
    EXPECT_EQ(FirstByte(*snapshot_), std::byte{5});
    EXPECT_TRUE(snapshot_->CheckHeld().ok());
  }

  static std::string Frame(const local::v1::Request& request) {
    return *EncodeFrame(request, kRequestBytesMax);
  }
  static std::string Hello(std::uint32_t protocol = 1) {
    local::v1::Request request;
    request.set_id(1);
    request.mutable_hello()->set_protocol(protocol);
    return Frame(request);
  }
  static std::string List(std::uint64_t id) {
    local::v1::Request request;
    request.set_id(id);
    request.mutable_list_guests();
    return Frame(request);
  }

  // Says it and expects the server to hang up.
  void ExpectHangUp(const std::string& stream) {
    const UniqueFd socket = ConnectRaw();
    static_cast<void>(send(socket.get(), stream.data(), stream.size(), MSG_NOSIGNAL));
    ExpectEnd(socket);
  }
  static void ExpectEnd(const UniqueFd& socket) {
    char buffer[4096];
    ssize_t n = 0;
    while ((n = recv(socket.get(), buffer, sizeof buffer, 0)) > 0) {
    }
    EXPECT_TRUE(n == 0 || errno == ECONNRESET) << strerror(errno);
  }

  std::unique_ptr<LocalClient> client_;
  std::shared_ptr<PinnedSnapshot> snapshot_;
};

TEST_F(HostileReaderTest, WhoBreaksARuleIsDisconnected) {
  local::v1::Request no_id;
  no_id.mutable_list_guests();
  local::v1::Request watch;
  watch.set_id(9);
  watch.mutable_watch();
  const std::pair<const char*, std::string> cases[] = {
      {"garbage", std::string("\x08\0\0\0garbage!", 12)},
      {"oversized", std::string("\x01\0\x10\0", 4)},
      {"huge", "\xff\xff\xff\xff"},
      {"no hello", List(1)},
      {"hello twice", Hello() + Hello()},
      {"another protocol", Hello(2)},
      {"no id", Hello() + Frame(no_id)},
      {"id of an open request", Hello() + Frame(watch) + Frame(watch)},
  };
  for (const auto& [name, stream] : cases) {
    SCOPED_TRACE(name);
    ExpectHangUp(stream);
  }
}

TEST_F(HostileReaderTest, DescriptorsTowardsTheDaemonAreRefused) {
  const UniqueFd socket = ConnectRaw();
  std::string hello = Hello();
  iovec part{hello.data(), hello.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = socket.get();
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  ASSERT_GT(sendmsg(socket.get(), &message, 0), 0);
  ExpectEnd(socket);
}

TEST_F(HostileReaderTest, TheSilentAndTheHalfSpokenAreNotWaitedForButTheIdleAre) {
  const UniqueFd silent = ConnectRaw();
  const UniqueFd half = ConnectRaw();
  const std::string begun = Hello() + List(2).substr(0, 5);
  ASSERT_GT(send(half.get(), begun.data(), begun.size(), MSG_NOSIGNAL), 0);
  ASSERT_TRUE(Eventually([&] { return client_->GetStats()->connections() == 3; }));
  char byte = 0;
  ASSERT_EQ(recv(half.get(), &byte, 1, 0), 1);  // hello was answered
  clock_.AdvanceMs(9'000);
  ASSERT_EQ(client_->GetStats()->connections(), 3u);
  clock_.AdvanceMs(60'000);
  ExpectEnd(silent);
  ExpectEnd(half);
}

TEST_F(HostileReaderTest, WhoFloodsAndDoesNotReadIsDisconnected) {
  const UniqueFd socket = ConnectRaw();
  const timeval timeout{20, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  std::string stream = Hello();
  std::uint64_t id = 2;
  bool ended = false;
  // 64 MiB of answers at the least are asked for; 32 MiB may wait.
  while (id < 4'000'000 && !ended) {
    while (stream.size() < 60'000) stream += List(id++);
    ended = send(socket.get(), stream.data(), stream.size(), MSG_NOSIGNAL) < 0 && errno == EPIPE;
    stream.clear();
  }
  EXPECT_TRUE(ended);
}

TEST_F(HostileReaderTest, WhoPinsWhatItMayNotHaveGetsAnErrorAndKeepsTheConnection) {
  v1::SnapshotSelector selector = Select(99);
  EXPECT_EQ(ReasonOf(client_->Pin(selector, {}).status()).name, "GENERATION_NOT_YET");
  selector.set_epoch("not a uuid");
  EXPECT_TRUE(absl::IsInvalidArgument(client_->Pin(selector, {}).status()));
  EXPECT_TRUE(client_->connected());
}

}  // namespace
}  // namespace stillframe
