// A gateway on a unix socket and on loopback TCP, over a daemon that the test fills.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gateway/gateway_server.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "integration/gateway/test_daemon.h"
#include "local/client.h"
#include "stillframe/v1/guest_service.grpc.pb.h"
#include "stillframe/v1/memory_service.grpc.pb.h"
#include "stillframe/v1/pin_service.grpc.pb.h"
#include "stillframe/v1/snapshot_service.grpc.pb.h"
#include "support/eventually.h"

namespace stillframe {

// The reason that an error carries, and its metadata.
inline google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
  google::rpc::Status message;
  google::rpc::ErrorInfo info;
  if (!message.ParseFromString(status.error_details())) return info;
  EXPECT_EQ(message.code(), status.error_code());
  for (const auto& detail : message.details()) {
    if (detail.UnpackTo(&info)) break;
  }
  EXPECT_EQ(info.domain(), "stillframe");
  return info;
}

class GatewayFixture : public testing::Test {
 protected:
  GatewayFixture() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sf-gateway-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    options_.listen = {"unix:" + directory_ + "/gateway.sock", "127.0.0.1:0"};
    options_.daemon_socket = directory_ + "/daemon.sock";
    Rights all;
    for (std::size_t i = 0; i < kRightNames.size(); ++i) all.Add(static_cast<Right>(i));
    options_.policy = AccessPolicy({Grant{{"*"}, {"*"}, all}}, {});
  }

  ~GatewayFixture() override {
    channel_.reset();
    gateway_.reset();
    daemon_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::unique_ptr<TestDaemon> MakeDaemon(std::uint64_t pages = 64) {
    return std::make_unique<TestDaemon>(
        TestDaemon::Options{.socket_path = options_.daemon_socket, .pages = pages});
  }

  void StartGateway() {
    auto gateway = GatewayServer::Start(
        options_, [socket = options_.daemon_socket] { return LocalClient::Connect(socket); });
    ASSERT_TRUE(gateway.ok()) << gateway.status();
    gateway_ = *std::move(gateway);
    Dial(0);
  }

  // Daemon, gateway, and the connection between them.
  void StartBoth(std::uint64_t pages = 64) {
    daemon_ = MakeDaemon(pages);
    StartGateway();
    AwaitDaemon();
  }

  void AwaitDaemon() {
    ASSERT_TRUE(Eventually([this] {
      grpc::ClientContext call;
      v1::ListGuestsResponse response;
      return guests_->ListGuests(&call, {}, &response).ok();
    }));
  }

  // Talks to the address of that index from now on.
  void Dial(std::size_t index) { DialWith(index, grpc::InsecureChannelCredentials()); }

  void DialWith(std::size_t index, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    channel_ = NewChannel(index, credentials);
    guests_ = v1::GuestService::NewStub(channel_);
    snapshots_ = v1::SnapshotService::NewStub(channel_);
    pins_ = v1::PinService::NewStub(channel_);
    memory_ = v1::MemoryService::NewStub(channel_);
  }

  std::shared_ptr<grpc::Channel> NewChannel(std::size_t index,
                                            const std::shared_ptr<grpc::ChannelCredentials>&
                                                credentials = grpc::InsecureChannelCredentials()) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(16 << 20);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(gateway_->addresses()[index], credentials, arguments);
  }

  static v1::SnapshotSelector Select(std::uint64_t generation = 0) {
    v1::SnapshotSelector selector;
    selector.set_guest("web1");
    selector.set_generation(generation);
    return selector;
  }

  grpc::Status GetGuest(const std::string& name, v1::Guest& guest) {
    grpc::ClientContext call;
    v1::GetGuestRequest request;
    request.set_guest(name);
    v1::GetGuestResponse response;
    const grpc::Status status = guests_->GetGuest(&call, request, &response);
    guest = response.guest();
    return status;
  }

  grpc::Status CreatePin(std::uint64_t ttl_ms, v1::Pin& pin) {
    grpc::ClientContext call;
    v1::CreatePinRequest request;
    *request.mutable_snapshot() = Select();
    request.set_ttl_ms(ttl_ms);
    v1::CreatePinResponse response;
    const grpc::Status status = pins_->CreatePin(&call, request, &response);
    pin = response.pin();
    return status;
  }

  grpc::Status ReleasePin(const std::string& id) {
    grpc::ClientContext call;
    v1::ReleasePinRequest request;
    request.set_id(id);
    v1::ReleasePinResponse response;
    return pins_->ReleasePin(&call, request, &response);
  }

  struct Reading {
    grpc::Status status;
    v1::Snapshot snapshot;
    std::vector<v1::ReadPagesResponse> runs;

    // The bytes at their places; zeros where there are none.
    std::string Memory() const {
      std::string memory(snapshot.page_count() * kPageBytes, '\0');
      for (const auto& run : runs) {
        memory.replace(run.first_gfn() * kPageBytes, run.data().size(), run.data());
      }
      return memory;
    }
  };

  Reading Read(const v1::ReadPagesRequest& request) {
    Reading reading;
    grpc::ClientContext call;
    const auto stream = memory_->ReadPages(&call, request);
    v1::ReadPagesResponse response;
    while (stream->Read(&response)) {
      if (response.has_snapshot()) {
        reading.snapshot = response.snapshot();
      } else {
        reading.runs.push_back(response);
      }
    }
    reading.status = stream->Finish();
    return reading;
  }

  std::string directory_;
  GatewayOptions options_;
  std::unique_ptr<TestDaemon> daemon_;
  std::unique_ptr<GatewayServer> gateway_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::GuestService::Stub> guests_;
  std::unique_ptr<v1::SnapshotService::Stub> snapshots_;
  std::unique_ptr<v1::PinService::Stub> pins_;
  std::unique_ptr<v1::MemoryService::Stub> memory_;
};

}  // namespace stillframe
