// A reader trusts no descriptor that it is handed: a daemon that lies gets its pin back.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/memfd.h"
#include "local/client.h"
#include "local/frame_socket.h"
#include "local/socket_address.h"
#include "store/control_page.h"
#include "store/machine_frames.h"
#include "store/page_map.h"
#include "support/eventually.h"
#include "support/temp_directory.h"

namespace stillframe {
namespace {

using local::v1::Reply;
using local::v1::Request;

constexpr std::uint64_t kPages = 16;

// Serves one reader, and answers its pins with whatever it is told.
class HostileDaemon {
 public:
  HostileDaemon() {
    const sockaddr_un address = *UnixAddress(path());
    listener_.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    EXPECT_EQ(listen(listener_.get(), 1), 0);
    control_ = *ControlPage::Create(1);
    pinned_.set_pin(7);
    pinned_.mutable_snapshot()->set_guest_uuid("guest");
    pinned_.mutable_snapshot()->set_generation(1);
    pinned_.mutable_snapshot()->set_page_count(kPages);
    pinned_.set_arena(1);
    pinned_.set_segment_bytes(kPageBytes);
    pinned_.set_liveness_index(*control_->Bear(Generation{1}));
    pinned_.set_control_bytes(control_->bytes());
  }

  ~HostileDaemon() {
    if (thread_.joinable()) thread_.join();
  }

  std::string path() const { return directory_.path() + "/socket"; }

  // Ends when the reader hangs up. The third descriptor, if any, is `machine_frames`.
  void Serve(v1::Snapshot::FrameSpace space, int machine_frames) {
    pinned_.mutable_snapshot()->set_frame_space(space);
    descriptors_ = {pages_.fd(), control_->fd()};
    if (machine_frames >= 0) descriptors_.push_back(machine_frames);
    thread_ = std::thread([this] { Run(); });
  }

  int pins_released() const { return pins_released_; }

 private:
  void Run() {
    const UniqueFd reader(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK));
    FrameReceiver receiver(kRequestBytesMax, Descriptors::kRefused);
    for (;;) {
      const auto frame = receiver.Receive(reader.get());
      if (!frame.ok()) return;
      pollfd more{reader.get(), POLLIN, 0};
      if (!frame->has_value()) {
        poll(&more, 1, -1);
        continue;
      }
      Request request;
      if (request.ParseFromString((*frame)->body)) Answer(request, reader.get());
    }
  }

  void Answer(const Request& request, int reader) {
    Reply reply;
    reply.set_id(request.id());
    OutgoingFrame frame;
    if (request.has_hello()) {
      reply.mutable_hello()->set_protocol(1);
    } else if (request.has_pin_snapshot()) {
      *reply.mutable_pinned() = pinned_;
      frame.descriptors = descriptors_;
    } else {
      if (request.has_release_pin()) ++pins_released_;
      return;
    }
    frame.bytes = *EncodeFrame(reply, kReplyBytesMax);
    FrameSender sender;
    sender.Push(std::move(frame));
    EXPECT_TRUE(sender.Flush(reader).ok());
  }

  TempDirectory directory_;
  UniqueFd listener_;
  std::unique_ptr<ControlPage> control_;
  const PageMap pages_ = *PageMap::Seal("pages", std::vector<Slot>(kPages, kZeroSlot));
  local::v1::Pinned pinned_;
  std::vector<int> descriptors_;
  std::atomic<int> pins_released_{0};
  std::thread thread_;
};

absl::StatusOr<std::vector<std::uint64_t>> PinAndReadMachineFrames(const HostileDaemon& daemon) {
  auto client = LocalClient::Connect(daemon.path());
  if (!client.ok()) return client.status();
  const auto pinned = (*client)->Pin({}, std::chrono::milliseconds(0));
  if (!pinned.ok()) {
    EXPECT_TRUE(Eventually([&daemon] { return daemon.pins_released() == 1; }));
    return pinned.status();
  }
  const auto frames = (*pinned)->machine_frames();
  return std::vector<std::uint64_t>(frames.begin(), frames.end());
}

TEST(HostileDaemonTest, WhatIsAsAnnouncedIsAccepted) {
  const std::vector<std::uint64_t> table(kPages, kNoMachineFrame);
  const auto sealed = MachineFrames::Seal("good", table);
  ASSERT_TRUE(sealed.ok());
  {
    HostileDaemon daemon;
    daemon.Serve(v1::Snapshot::FRAME_SPACE_MACHINE, sealed->fd());
    const auto frames = PinAndReadMachineFrames(daemon);
    ASSERT_TRUE(frames.ok()) << frames.status();
    EXPECT_EQ(*frames, table);
  }
  HostileDaemon daemon;
  daemon.Serve(v1::Snapshot::FRAME_SPACE_GUEST, -1);
  const auto frames = PinAndReadMachineFrames(daemon);
  ASSERT_TRUE(frames.ok()) << frames.status();
  EXPECT_TRUE(frames->empty());
}

TEST(HostileDaemonTest, MachineFramesThatAreNotAsAnnouncedAreRefusedAndThePinGivenBack) {
  const auto good = MachineFrames::Seal("good", std::vector<std::uint64_t>(kPages, 1));
  const auto one_short = MachineFrames::Seal("short", std::vector<std::uint64_t>(kPages - 1, 1));
  const auto unsealed = CreateMemfd("unsealed", kPages * 8);
  const auto writable = CreateMemfd("writable", kPages * 8);
  ASSERT_TRUE(good.ok() && one_short.ok() && unsealed.ok() && writable.ok());
  ASSERT_EQ(fcntl(writable->get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
  const UniqueFd no_memory(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const struct {
    const char* name;
    v1::Snapshot::FrameSpace space;
    int machine_frames;
  } cases[] = {
      {"missing", v1::Snapshot::FRAME_SPACE_MACHINE, -1},
      {"not announced", v1::Snapshot::FRAME_SPACE_GUEST, good->fd()},
      {"announced as nothing known", static_cast<v1::Snapshot::FrameSpace>(77), good->fd()},
      {"one too short", v1::Snapshot::FRAME_SPACE_MACHINE, one_short->fd()},
      {"could shrink", v1::Snapshot::FRAME_SPACE_MACHINE, unsealed->get()},
      {"could be written", v1::Snapshot::FRAME_SPACE_MACHINE, writable->get()},
      {"no memory", v1::Snapshot::FRAME_SPACE_MACHINE, no_memory.get()},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    HostileDaemon daemon;
    daemon.Serve(c.space, c.machine_frames);
    EXPECT_FALSE(PinAndReadMachineFrames(daemon).ok());
  }
}

}  // namespace
}  // namespace stillframe
