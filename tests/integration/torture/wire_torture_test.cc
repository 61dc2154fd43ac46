// Peers of the gateway that do not speak gRPC as they should, below any client library.
#include <array>
#include <random>

#include "integration/torture/torture_fixture.h"
#include "stillframe/v1/memory_service.pb.h"

namespace stillframe {
namespace {

using http2::End;

constexpr std::uint32_t kWindow = 65'535;

constexpr const char* kMethods[] = {
    "/stillframe.v1.GuestService/ListGuests",
    "/stillframe.v1.GuestService/GetGuest",
    "/stillframe.v1.SnapshotService/ListSnapshots",
    "/stillframe.v1.SnapshotService/GetSnapshot",
    "/stillframe.v1.SnapshotService/CaptureSnapshot",
    "/stillframe.v1.SnapshotService/WatchSnapshots",
    "/stillframe.v1.SnapshotService/ListChangedExtents",
    "/stillframe.v1.SnapshotService/ListAllocatedExtents",
    "/stillframe.v1.PinService/CreatePin",
    "/stillframe.v1.PinService/RenewPin",
    "/stillframe.v1.PinService/ReleasePin",
    "/stillframe.v1.PinService/HoldPin",
    "/stillframe.v1.MemoryService/ReadPages",
    "/stillframe.v1.MemoryService/ReadScatter",
    "/stillframe.v1.MemoryService/ReadMachineFrames",
    "/stillframe.v1.Nothing/AtAll",
    "no path",
    "",
};

class WireTortureTest : public TortureTest {
 protected:
  std::string ReadEverything() const {
    v1::ReadPagesRequest request;
    *request.mutable_snapshot() = Selector();
    return request.SerializeAsString();
  }
};

TEST_F(WireTortureTest, GarbageInsteadOfHttp2) {
  std::mt19937 random(1);
  for (const std::string& address : {unix_address(), tcp_address()}) {
    for (int round = 0; round < 100; ++round) {
      std::string garbage(1 + random() % 4096, '\0');
      for (char& byte : garbage) byte = static_cast<char>(random());
      const std::string starts[] = {garbage, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                                    "\x16\x03\x01\x02\x00\x01", http2::Begin(kWindow) + garbage,
                                    http2::Begin(kWindow).substr(0, random() % 40)};
      RawConnection peer = RawConnection::To(address);
      ASSERT_TRUE(peer.valid());
      peer.Say(starts[round % 5]);
      if (round % 2 == 0) peer.Reset();
    }
  }
  NotePeak();
}

TEST_F(WireTortureTest, StreamsThatAreBegunAndNeverGoOn) {
  std::vector<RawConnection> peers;
  for (int connection = 0; connection < 20; ++connection) {
    RawConnection& peer =
        peers.emplace_back(RawConnection::To(connection % 2 == 0 ? unix_address() : tcp_address()));
    ASSERT_TRUE(peer.valid());
    ASSERT_TRUE(peer.Say(http2::Begin(kWindow)));
    std::uint32_t stream = 1;
    for (const char* const method : kMethods) {
      const std::string message = http2::Message(stream, ReadEverything(), End::kOpen);
      peer.Say(http2::Call(stream, method, End::kOpen));
      // Nothing more, half of a frame's header, or half of a message.
      peer.Say(message.substr(0, std::array<std::size_t, 3>{0, 5, 20}[connection % 3]));
      if (connection % 3 != 0) break;
      stream += 2;
    }
  }
  NotePeak();
  // Who came first is served, whoever else waits for what.
  ExpectRightBytes();
}

TEST_F(WireTortureTest, MessagesThatAreNone) {
  std::mt19937 random(2);
  RawConnection peer = RawConnection::To(unix_address());
  ASSERT_TRUE(peer.Say(http2::Begin(kWindow)));
  std::uint32_t stream = 1;
  for (int round = 0; round < 50; ++round) {
    for (const char* const method : kMethods) {
      std::string body(random() % 64, '\0');
      for (char& byte : body) byte = static_cast<char>(random());
      if (!peer.Say(http2::Call(stream, method, End::kOpen)) ||
          !peer.Say(http2::Message(stream, body, End::kStream))) {
        peer = RawConnection::To(unix_address());
        ASSERT_TRUE(peer.Say(http2::Begin(kWindow)));
        stream = 1;
        continue;
      }
      stream += 2;
    }
    peer.Hear(1);
  }
  NotePeak();
}

TEST_F(WireTortureTest, MessagesThatAreAnnouncedTooLong) {
  for (const std::string& prefix :
       {std::string("\0\xff\xff\xff\xff", 5), std::string("\0\x7f\xff\xff\xff", 5),
        std::string("\1\0\0\0\4", 5), std::string("\0\0\x50\0\0", 5)}) {
    for (const char* const method : kMethods) {
      RawConnection peer = RawConnection::To(tcp_address());
      ASSERT_TRUE(peer.Say(http2::Begin(kWindow) + http2::Call(1, method, End::kOpen)));
      peer.Say(http2::Frame(0, 0, 1, prefix + std::string(1000, 'a')));
      peer.Hear(1);
    }
  }
  NotePeak();
}

TEST_F(WireTortureTest, ResetsAmidFramesAndOfCallsThatJustBegan) {
  const std::string call = http2::Begin(kWindow) + http2::Call(1, kMethods[12], End::kOpen) +
                           http2::Message(1, ReadEverything(), End::kStream);
  // Cut at every point of the conversation.
  for (std::size_t length = 0; length <= call.size(); length += 3) {
    RawConnection peer = RawConnection::To(tcp_address());
    ASSERT_TRUE(peer.valid());
    peer.Say(call.substr(0, length));
    if (length == call.size()) peer.Hear(50);
    peer.Reset();
  }
  // Begun and cancelled at once, many times ("rapid reset").
  RawConnection peer = RawConnection::To(tcp_address());
  ASSERT_TRUE(peer.Say(http2::Begin(kWindow)));
  int calls = 0;
  for (std::uint32_t stream = 1; calls < 20'000; stream += 2, ++calls) {
    if (!peer.Say(http2::Call(stream, kMethods[12], End::kOpen) +
                  http2::Message(stream, ReadEverything(), End::kStream) + http2::Reset(stream))) {
      break;
    }
    if (calls % 1000 == 0) NotePeak();
  }
  fmt::print("{} calls begun and reset on one connection\n", calls);
  NotePeak();
}

TEST_F(WireTortureTest, HeadersWithoutEnd) {
  int refused = 0;
  for (const std::size_t bytes : {std::size_t{9000}, std::size_t{60'000}, std::size_t{1'000'000}}) {
    RawConnection peer = RawConnection::To(tcp_address());
    peer.Say(http2::Begin(kWindow) +
             http2::Call(1, kMethods[0], End::kOpen, {{"x-long", std::string(bytes, 'a')}}));
    peer.Say(http2::Message(1, "", End::kStream));
    refused += peer.Hear(200).find("grpc-status") == std::string::npos ? 0 : 1;
  }
  // A block of headers that goes on and on.
  RawConnection peer = RawConnection::To(tcp_address());
  const std::string block = http2::Call(1, kMethods[0], End::kOpen).substr(9);
  ASSERT_TRUE(peer.Say(http2::Begin(kWindow) + http2::Frame(1, 0, 1, block)));
  const std::string more = std::string(1, '\0') + "\1a" + "\x64" + std::string(100, 'b');
  std::string part;
  while (part.size() < 16'000) part += more;
  int frames = 0;
  while (frames < 4096 && peer.Say(http2::Frame(9, 0, 1, part))) {
    if (++frames % 256 == 0) NotePeak();
  }
  fmt::print("{} long calls answered; {} KiB of headers in one block taken or dropped\n", refused,
             frames * 16);
  NotePeak();
}

TEST_F(WireTortureTest, ReadersThatReadNothing) {
  std::vector<RawConnection> peers;
  for (int connection = 0; connection < 16; ++connection) {
    RawConnection& peer =
        peers.emplace_back(RawConnection::To(connection % 2 == 0 ? unix_address() : tcp_address()));
    // No window at all, the usual one, and one without bounds behind a socket that nobody reads.
    const std::uint32_t window =
        std::array<std::uint32_t, 3>{0, kWindow, 0x7fffffff}[connection % 3];
    ASSERT_TRUE(peer.Say(http2::Begin(window)));
    for (std::uint32_t stream = 1; stream < 64; stream += 2) {
      peer.Say(http2::Call(stream, kMethods[12], End::kOpen) +
               http2::Message(stream, ReadEverything(), End::kStream));
    }
  }
  ASSERT_TRUE(Eventually([&] { return local_->GetStats()->pins() > 0; }));
  NotePeak();
  // They are dropped for taking nothing, while their connections stay open.
  EXPECT_TRUE(Eventually([&] {
    NotePeak();
    return local_->GetStats()->pins() == 0;
  }));
}

TEST_F(WireTortureTest, FloodsOfControlFrames) {
  constexpr std::uint8_t kPing = 6, kSettings = 4, kWindowUpdate = 8, kPriority = 2;
  for (const auto& [type, stream, payload] :
       {std::tuple(kPing, 0u, std::string(8, 'p')), std::tuple(kSettings, 0u, std::string()),
        std::tuple(kWindowUpdate, 0u, std::string("\0\0\0\1", 4)),
        std::tuple(kPriority, 1u, std::string(5, '\0')),
        std::tuple(std::uint8_t{99}, 7u, std::string(100, 'x'))}) {
    RawConnection peer = RawConnection::To(tcp_address());
    ASSERT_TRUE(peer.Say(http2::Begin(kWindow)));
    std::string burst;
    while (burst.size() < 16'000) burst += http2::Frame(type, 0, stream, payload);
    // Answers are not read: what waits for this peer has to have a bound.
    for (int i = 0; i < 200 && peer.Say(burst); ++i) {
      if (i % 50 == 0) NotePeak();
      if (type == kPing || type == kSettings) peer.Hear(0);
    }
    NotePeak();
  }
}

}  // namespace
}  // namespace stillframe
