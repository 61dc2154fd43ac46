// Readers of the daemon's own socket that break its rules, or keep to them to the utmost.
#include <sys/socket.h>

#include <random>

#include "integration/torture/torture_fixture.h"
#include "local/frame.h"
#include "stillframe/local/v1/local.pb.h"

namespace stillframe {
namespace {

using local::v1::Request;

class LocalTortureTest : public TortureTest {
 protected:
  static std::string Frame(const Request& request) {
    return *EncodeFrame(request, kRequestBytesMax);
  }
  static std::string Hello() {
    Request request;
    request.set_id(1);
    request.mutable_hello()->set_protocol(1);
    return Frame(request);
  }
  std::string Pin(std::uint64_t id) const {
    Request request;
    request.set_id(id);
    *request.mutable_pin_snapshot()->mutable_snapshot() = Selector();
    return Frame(request);
  }
  static std::string Watch(std::uint64_t id) {
    Request request;
    request.set_id(id);
    request.mutable_watch();
    return Frame(request);
  }
};

TEST_F(LocalTortureTest, GarbageAndRequestsCutAtEveryPoint) {
  std::mt19937 random(3);
  const std::string conversation = Hello() + Pin(2) + Watch(3);
  for (std::size_t length = 0; length <= conversation.size(); ++length) {
    RawConnection peer = RawConnection::To(local_address());
    ASSERT_TRUE(peer.valid());
    peer.Say(conversation.substr(0, length));
    if (length % 2 == 0) {
      std::string garbage(1 + random() % 256, '\0');
      for (char& byte : garbage) byte = static_cast<char>(random());
      peer.Say(garbage);
    }
  }
  NotePeak();
}

TEST_F(LocalTortureTest, TenThousandPins) {
  int answered = 0;
  int given = 0;
  RawConnection peer = RawConnection::To(local_address());
  ASSERT_TRUE(peer.Say(Hello()));
  FrameDecoder decoder(kReplyBytesMax);
  for (std::uint64_t id = 2; answered <= 10'000;) {
    for (int batch = 0; batch < 16; ++batch) peer.Say(Pin(id++));
    // Descriptors that come along are dropped: nothing here can use them.
    for (int batch = 0; batch < 16;) {
      const auto space = decoder.Space();
      const ssize_t got = recv(peer.socket(), space.data(), space.size(), 0);
      ASSERT_GT(got, 0);
      ASSERT_TRUE(decoder.Commit(static_cast<std::size_t>(got)).ok());
      if (!decoder.complete()) continue;
      local::v1::Reply reply;
      ASSERT_TRUE(reply.ParseFromString(decoder.Take()));
      if (reply.has_hello()) continue;
      ++batch;
      ++answered;
      if (reply.has_pinned()) {
        ++given;
      } else {
        ASSERT_EQ(reply.error().reason(), "LIMIT_EXCEEDED") << reply.error().message();
      }
    }
    if (answered % 1000 == 0) NotePeak();
  }
  fmt::print("{} pins asked for: {} given\n", answered, given);
  EXPECT_EQ(given, 256);
}

TEST_F(LocalTortureTest, MoreConnectionsThanThereMayBeEachWithAsMuchAsItMay) {
  std::vector<RawConnection> peers;
  for (int i = 0; i < 200; ++i) {
    RawConnection peer = RawConnection::To(local_address());
    if (!peer.valid()) continue;
    std::string requests = Hello();
    for (std::uint64_t id = 2; id < 300; ++id) requests += id % 2 == 0 ? Pin(id) : Watch(id);
    static_cast<void>(peer.Say(requests));
    peers.push_back(std::move(peer));
  }
  EXPECT_TRUE(Eventually([&] {
    NotePeak();
    return local_->GetStats()->connections() == 64;
  }));
  fmt::print("{} connections tried, 64 are served, with {} pins and {} watches\n", peers.size(),
             local_->GetStats()->pins(), local_->GetStats()->watches());
  EXPECT_LE(local_->GetStats()->pins(), 62u * 256);
  // The gateway, which came first, is served.
  ExpectRightBytes();
}

TEST_F(LocalTortureTest, WhoAsksAndNeverReadsIsDropped) {
  Request list;
  list.mutable_list_snapshots()->set_guest("web1");
  std::vector<RawConnection> peers;
  for (int i = 0; i < 8; ++i) {
    RawConnection& peer = peers.emplace_back(RawConnection::To(local_address()));
    ASSERT_TRUE(peer.Say(Hello()));
    std::uint64_t id = 1;
    bool going = true;
    while (going && id < 2'000'000) {
      std::string requests;
      while (requests.size() < 60'000) {
        list.set_id(++id);
        requests += Frame(list);
      }
      going = peer.Say(requests);
      if (i == 0) NotePeak();
    }
    EXPECT_FALSE(going) << "a reader may ask without end";
    EXPECT_TRUE(peer.HearsTheEnd());
  }
  NotePeak();
}

}  // namespace
}  // namespace stillframe
