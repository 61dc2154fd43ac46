// A local server over a real socket, serving a guest whose snapshots the test publishes.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "base/reason.h"
#include "base/status.h"
#include "local/client.h"
#include "local/connect.h"
#include "local/server.h"
#include "support/eventually.h"
#include "support/fake_clock.h"
#include "support/fake_guest_directory.h"

namespace stillframe {

class LocalFixture : public testing::Test {
 protected:
  LocalFixture() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sf-local-XXXXXX").string();
    directory_path_ = mkdtemp(pattern.data());
    options_.socket_path = directory_path_ + "/socket";
  }

  ~LocalFixture() override {
    StopServer();
    std::filesystem::remove_all(directory_path_);
  }

  void StartServer(Retention retention = {.generations_max = 2}, std::size_t log_events = 1000) {
    guests_ = std::make_unique<FakeGuestDirectory>(clock_, retention, log_events);
    auto server = LocalServer::Listen(options_, *guests_, clock_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    guests_->BeginEpoch();
    thread_ = std::thread([this] { server_->Run(5, [] {}); });
  }

  void StopServer() {
    if (server_ == nullptr) return;
    server_->Stop();
    thread_.join();
    server_.reset();
  }

  std::unique_ptr<LocalClient> Connect() {
    auto client = LocalClient::Connect(options_.socket_path);
    EXPECT_TRUE(client.ok()) << client.status();
    return client.ok() ? *std::move(client) : nullptr;
  }

  static v1::SnapshotSelector Select(std::uint64_t generation = 0) {
    v1::SnapshotSelector selector;
    selector.set_guest("web1");
    selector.set_generation(generation);
    return selector;
  }

  static std::byte FirstByte(const PinnedSnapshot& snapshot) {
    return *snapshot.RunAt(Gfn{0}, Gfn{1}).bytes;
  }

  // A connection that says what it likes; reading from it gives up after 20 s.
  UniqueFd ConnectRaw() {
    auto socket = ConnectUnixSocket(options_.socket_path);
    EXPECT_TRUE(socket.ok()) << socket.status();
    const timeval timeout{20, 0};
    setsockopt(socket->get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    return *std::move(socket);
  }

  FakeClock clock_;
  std::string directory_path_;
  LocalServerOptions options_;
  std::unique_ptr<FakeGuestDirectory> guests_;
  std::unique_ptr<LocalServer> server_;
  std::thread thread_;
};

}  // namespace stillframe
