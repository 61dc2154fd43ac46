// The product over a simulated guest, to be mistreated; and the judge: afterwards nothing is held,
// memory is bounded, and reads are right.
#pragma once

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>

#include "bench/support/process_memory.h"
#include "integration/stack/sim_stack.h"
#include "integration/torture/raw_connection.h"
#include "local/client.h"
#include "support/eventually.h"

namespace stillframe {

class TortureTest : public SimStackTest {
 protected:
  static constexpr std::uint64_t kStreamsMax = 48;
  static constexpr std::uint64_t kPages = 16384;  // of the guest

  // What one attack may add to either daemon for good: allocators keep some of what they used.
  static constexpr std::uint64_t kGrowthBytesMax = std::uint64_t{48} << 20;
  // And at its height, beside mapped guest memory.
  std::uint64_t peak_bytes_max_ = std::uint64_t{192} << 20;

  void SetUp() override {
    guest_ = StartGuest("web1", {"--ram-mib", "64", "--workload", "random"});
    ASSERT_NE(guest_, nullptr);
    StartStack(
        "period_ms = 0\ngenerations_max = 4",
        fmt::format("streams_max = {0}\nstreams_per_client_max = {0}\nstream_stall_ms_max = 500\n",
                    kStreamsMax));
    ASSERT_TRUE(Eventually([&] { return remote().Capture("web1").ok(); }));
    // From here on memory stands still, so it is known what every snapshot has to show.
    ASSERT_TRUE(guest_->OperatorPause().ok());
    const auto snapshot = remote().Capture("web1");
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    epoch_ = snapshot->epoch();
    generation_ = snapshot->generation();
    auto local = LocalClient::Connect(stack_->directory() + "/stillframed.sock");
    ASSERT_TRUE(local.ok()) << local.status();
    local_ = *std::move(local);
    // What is allocated once only is allocated before it is counted.
    ExpectRightBytes();
    ExpectEveryStreamIsFree();
    ExpectNothingHeld();
    before_ = Now();
  }

  void TearDown() override {
    if (HasFatalFailure() || local_ == nullptr) return;
    ExpectNothingHeld();
    ExpectRightBytes();
    ExpectEveryStreamIsFree();
    ExpectNothingHeld();
    const Load after = Now();
    for (const auto& [name, was, is, peak] :
         {std::tuple("gateway", before_.gateway, after.gateway, peak_.gateway.private_bytes),
          std::tuple("stillframed", before_.daemon, after.daemon, peak_.daemon.private_bytes)}) {
      fmt::print(
          "{:<12} private memory {:5.1f} MiB before, {:5.1f} at most, {:5.1f} after; "
          "descriptors {} -> {}, threads {} -> {}\n",
          name, MiB(was.private_bytes), MiB(std::max(peak, is.private_bytes)),
          MiB(is.private_bytes), was.descriptors, is.descriptors, was.threads, is.threads);
      EXPECT_LE(is.private_bytes, was.private_bytes + kGrowthBytesMax) << name;
      EXPECT_LE(peak, was.private_bytes + peak_bytes_max_) << name;
    }
  }

  // To be called at the height of an attack.
  void NotePeak() {
    const Load now = Now();
    peak_.gateway.private_bytes = std::max(peak_.gateway.private_bytes, now.gateway.private_bytes);
    peak_.daemon.private_bytes = std::max(peak_.daemon.private_bytes, now.daemon.private_bytes);
  }

  std::string unix_address() const { return stack_->gateway_target(); }
  std::string tcp_address() const { return stack_->gateway_tcp_address(); }
  std::string local_address() const { return "unix:" + stack_->directory() + "/stillframed.sock"; }

  // A channel of its own connection.
  std::shared_ptr<grpc::Channel> NewChannel(const std::string& address) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(16 << 20);
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  }

  v1::SnapshotSelector Selector() const { return Select("web1", generation_, epoch_); }

  // The pins, watches and connections that the daemon knows of are those of the test and of one
  // idle gateway, and the gateway has no connection but the test's.
  void ExpectNothingHeld() {
    const bool idle = Eventually([&] {
      const auto stats = local_->GetStats();
      const Load now = Now();
      return stats.ok() && stats->pins() == 0 && stats->watches() == 0 &&
             stats->connections() == 2 &&
             (!before_.gateway.descriptors ||
              (now.gateway.descriptors <= before_.gateway.descriptors &&
               now.daemon.descriptors <= before_.daemon.descriptors));
    });
    const auto stats = local_->GetStats();
    ASSERT_TRUE(stats.ok()) << stats.status();
    EXPECT_TRUE(idle) << stats->pins() << " pins, " << stats->watches() << " watches, "
                      << stats->connections() << " connections; descriptors of the gateway "
                      << Now().gateway.descriptors << ", at first " << before_.gateway.descriptors
                      << ", of the daemon " << Now().daemon.descriptors << ", at first "
                      << before_.daemon.descriptors;
  }

  void ExpectRightBytes() {
    SimHypervisor judge(guests_.path());
    auto opened = judge.Open(guest_->id());
    ASSERT_TRUE(opened.ok()) << opened.status();
    const auto view = (*opened)->Refresh();
    ASSERT_TRUE(view.ok()) << view.status();
    const auto reader = remote().OpenSnapshot(Selector());
    ASSERT_TRUE(reader.ok()) << reader.status();
    ExpectEqualsMemory(**reader, **view);
  }

  // A place that an attack left taken would be missed here.
  void ExpectEveryStreamIsFree() {
    std::vector<std::unique_ptr<SnapshotReader>> held;
    for (std::uint64_t i = 0; i < kStreamsMax; ++i) {
      auto reader = remote().OpenSnapshot(Selector());
      ASSERT_TRUE(reader.ok()) << "stream " << i << ": " << reader.status();
      held.push_back(*std::move(reader));
    }
    EXPECT_TRUE(absl::IsResourceExhausted(remote().OpenSnapshot(Selector()).status()));
  }

  std::unique_ptr<SimProcess> guest_;
  std::unique_ptr<LocalClient> local_;
  std::string epoch_;
  std::uint64_t generation_ = 0;

 private:
  struct Load {
    bench::ProcessMemory gateway;
    bench::ProcessMemory daemon;
  };

  Load Now() const {
    return {bench::MemoryOf(stack_->gateway().pid()), bench::MemoryOf(stack_->daemon().pid())};
  }
  static double MiB(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

  Load before_;
  Load peak_;
};

}  // namespace stillframe
