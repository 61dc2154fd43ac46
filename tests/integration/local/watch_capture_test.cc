#include <atomic>
#include <future>

#include "integration/local/local_fixture.h"
#include "local/frame.h"

namespace stillframe {
namespace {

using WatchCaptureTest = LocalFixture;

struct Heard {
  std::mutex mu;
  std::vector<v1::SnapshotEvent> events;
  std::atomic<bool> established{false};
  std::promise<absl::Status> ended;

  LocalClient::WatchHandler Handler() {
    return {[this] { established = true; },
            [this](const v1::SnapshotEvent& event) {
              std::lock_guard lock(mu);
              events.push_back(event);
            },
            [this](absl::Status status) { ended.set_value(std::move(status)); }};
  }
  std::uint64_t newest() {
    std::lock_guard lock(mu);
    std::uint64_t newest = 0;
    for (const auto& event : events) newest = std::max(newest, event.published().generation());
    return newest;
  }
};

TEST_F(WatchCaptureTest, AWatchResumesFromAGenerationAndFollows) {
  StartServer({.generations_max = 8});
  for (int i = 0; i < 3; ++i) guests_->Publish(std::byte{1});
  const auto client = Connect();
  Heard heard;
  const auto watch = client->Watch("web1", 2, "", heard.Handler());
  ASSERT_TRUE(Eventually([&] { return heard.newest() == 3; }));
  EXPECT_TRUE(heard.established);
  guests_->Publish(std::byte{2});
  ASSERT_TRUE(Eventually([&] { return heard.newest() == 4; }));
  ASSERT_EQ(heard.events.size(), 3u);
}

TEST_F(WatchCaptureTest, AWatchEndsWithTheServerAndSaysSo) {
  StartServer();
  const auto client = Connect();
  Heard heard;
  const auto watch = client->Watch("", 0, "", heard.Handler());
  ASSERT_TRUE(Eventually([&] { return heard.established.load(); }));
  StopServer();
  const absl::Status status = heard.ended.get_future().get();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(ReasonOf(status).name, "DAEMON_UNAVAILABLE");
  EXPECT_FALSE(client->connected());
  EXPECT_EQ(ReasonOf(client->ListGuests().status()).name, "DAEMON_UNAVAILABLE");
}

TEST_F(WatchCaptureTest, ARefusedWatchEndsWithTheReason) {
  StartServer();
  const auto client = Connect();
  Heard heard;
  const auto watch = client->Watch("nobody", 0, "", heard.Handler());
  EXPECT_EQ(ReasonOf(heard.ended.get_future().get()).name, "GUEST_NOT_FOUND");
  EXPECT_FALSE(heard.established);
}

TEST_F(WatchCaptureTest, ASlowWatcherDelaysNobodyAndLearnsWhatItMissed) {
  StartServer({.generations_max = 2}, 50);
  const UniqueFd slow = ConnectRaw();
  local::v1::Request hello;
  hello.set_id(1);
  hello.mutable_hello()->set_protocol(1);
  local::v1::Request watch;
  watch.set_id(2);
  watch.mutable_watch()->set_guest("web1");
  const std::string stream =
      *EncodeFrame(hello, kRequestBytesMax) + *EncodeFrame(watch, kRequestBytesMax);
  ASSERT_EQ(write(slow.get(), stream.data(), stream.size()), static_cast<ssize_t>(stream.size()));
  const auto client = Connect();
  ASSERT_TRUE(Eventually([&] { return client->GetStats()->watches() == 1; }));
  Heard heard;
  const auto quick = client->Watch("web1", 0, "", heard.Handler());
  ASSERT_TRUE(Eventually([&] { return heard.established.load(); }));

  constexpr std::uint64_t kGenerations = 4000;  // far more than socket and output hold
  for (std::uint64_t i = 1; i <= kGenerations; ++i) {
    ASSERT_NE(guests_->Publish(std::byte(i), 1), nullptr);
    if (i % 10 == 0) ASSERT_TRUE(Eventually([&] { return heard.newest() >= i; }));
  }
  EXPECT_EQ(client->GetStats()->connections(), 2u);

  std::uint64_t told = 0;  // every generation exactly once: published or within a Missed
  bool missed = false;
  while (told < kGenerations) {
    std::uint8_t header[4];
    ASSERT_EQ(recv(slow.get(), header, 4, MSG_WAITALL), 4);
    std::string body(header[0] | header[1] << 8 | header[2] << 16, '\0');
    ASSERT_EQ(recv(slow.get(), body.data(), body.size(), MSG_WAITALL),
              static_cast<ssize_t>(body.size()));
    local::v1::Reply reply;
    ASSERT_TRUE(reply.ParseFromString(body));
    if (reply.event().has_published()) {
      ASSERT_EQ(reply.event().published().generation(), ++told);
    } else if (reply.event().missed().first_generation() != 0) {
      ASSERT_EQ(reply.event().missed().first_generation(), told + 1);
      told = reply.event().missed().last_generation();
      missed = true;
    }
  }
  EXPECT_TRUE(missed);
}

TEST_F(WatchCaptureTest, ACaptureReturnsItsSnapshotToEveryAsker) {
  StartServer();
  const auto client = Connect();
  std::vector<std::promise<absl::StatusOr<v1::Snapshot>>> done(3);
  std::vector<std::unique_ptr<LocalClient::Operation>> captures;
  for (auto& promise : done) {
    captures.push_back(client->Capture(
        "web1", [&promise](absl::StatusOr<v1::Snapshot> result) { promise.set_value(result); }));
  }
  ASSERT_TRUE(Eventually([&] { return guests_->open_captures() == 3; }));
  guests_->FinishCaptures(guests_->Publish(std::byte{1}));
  for (auto& promise : done) EXPECT_EQ(promise.get_future().get()->generation(), 1u);
}

TEST_F(WatchCaptureTest, DestroyingACaptureWithdrawsItAndRunsNoCallback) {
  StartServer();
  const auto client = Connect();
  std::atomic<bool> called{false};
  auto capture = client->Capture("web1", [&](absl::StatusOr<v1::Snapshot>) { called = true; });
  ASSERT_TRUE(Eventually([&] { return guests_->open_captures() == 1; }));
  capture.reset();
  ASSERT_TRUE(Eventually([&] { return guests_->open_captures() == 0; }));
  ASSERT_TRUE(client->ListGuests().ok());
  EXPECT_FALSE(called);
}

TEST_F(WatchCaptureTest, ALostConnectionWithdrawsItsCaptures) {
  StartServer();
  auto client = Connect();
  std::atomic<int> ended{0};
  const auto capture = client->Capture("web1", [&](absl::StatusOr<v1::Snapshot> result) {
    if (absl::IsUnavailable(result.status())) ++ended;
  });
  ASSERT_TRUE(Eventually([&] { return guests_->open_captures() == 1; }));
  client.reset();
  EXPECT_EQ(ended, 1);
  EXPECT_TRUE(Eventually([&] { return guests_->open_captures() == 0; }));
}

TEST_F(WatchCaptureTest, OpenOperationsAreBounded) {
  options_.operations_per_connection_max = 2;
  StartServer();
  const auto client = Connect();
  Heard first, second, third;
  const auto a = client->Watch("", 0, "", first.Handler());
  const auto b = client->Watch("", 0, "", second.Handler());
  const auto c = client->Watch("", 0, "", third.Handler());
  const absl::Status refused = third.ended.get_future().get();
  EXPECT_EQ(ReasonOf(refused).metadata.at("limit"), "operations_per_connection_max");
  EXPECT_TRUE(Eventually([&] { return first.established && second.established; }));
}

TEST_F(WatchCaptureTest, WaitingForAnAnswerInACallbackIsRefused) {
  StartServer();
  const auto client = Connect();
  std::promise<absl::Status> inner;
  const auto capture = client->Capture("web1", [&](absl::StatusOr<v1::Snapshot>) {
    inner.set_value(client->ListGuests().status());
  });
  ASSERT_TRUE(Eventually([&] { return guests_->open_captures() == 1; }));
  guests_->FinishCaptures(absl::AbortedError("failed"));
  EXPECT_TRUE(absl::IsFailedPrecondition(inner.get_future().get()));
}

}  // namespace
}  // namespace stillframe
