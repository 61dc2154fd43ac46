// An intruder who took over the gateway: what its account and its descriptors are good for.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>

#include "local/client.h"
#include "support/child_process.h"
#include "support/eventually.h"
#include "support/process_tree.h"
#include "support/sim_process.h"
#include "support/temp_directory.h"

namespace stillframe {
namespace {

constexpr uid_t kNobody = 65534;
constexpr char kNobodysGroup[] = "nogroup";

class CompromisedGatewayTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0)
      GTEST_SKIP() << "the daemon and the intruder need different users: run as root";
    // As systemd/tmpfiles.d makes /run/stillframe, for the intruder's group.
    ASSERT_EQ(chmod(directory_.path().c_str(), 0711), 0);
    ASSERT_EQ(mkdir(run_.c_str(), 0700), 0);
    ASSERT_EQ(chown(run_.c_str(), 0, kNobody), 0);
    ASSERT_EQ(chmod(run_.c_str(), 03770), 0);

    auto guest = SimProcess::Start(guests_.path(), "web1", {"--ram-mib", "64"});
    ASSERT_TRUE(guest.ok()) << guest.status();
    guest_ = *std::move(guest);
    std::ofstream(directory_.path() + "/stillframed.toml") << fmt::format(
        "[daemon]\nsocket = \"{0}/stillframed.sock\"\nledger = \"{0}/pauses\"\n"
        "socket_group = \"{1}\"\ndiscovery_period_ms = 100\n"
        "[backends]\nqemu_qmp_globs = []\nsim_directory = \"{2}\"\n"
        "[defaults]\nperiod_ms = 0\n",
        run_, kNobodysGroup, guests_.path());
    auto daemon = ChildProcess::Start(
        {STILLFRAME_DAEMON, "--config", directory_.path() + "/stillframed.toml"},
        directory_.path() + "/stillframed.log");
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    daemon_ = *std::move(daemon);
    ASSERT_TRUE(Eventually([this] {
      auto client = LocalClient::Connect(socket());
      if (!client.ok()) return false;
      client_ = *std::move(client);
      const auto guests = client_->ListGuests();
      return guests.ok() && guests->size() == 1 && !guests->front().epoch().empty();
    })) << daemon_->Log();
  }

  std::string socket() const { return run_ + "/stillframed.sock"; }

  // Runs the intruder as nobody, and says what it wrote.
  int Intrude(std::string& said) {
    const std::string log = directory_.path() + "/intruder.log";
    std::vector<std::string> arguments = {"/usr/bin/setpriv",
                                          "--reuid=65534",
                                          "--regid=65534",
                                          "--clear-groups",
                                          STILLFRAME_INTRUDER,
                                          "web1",
                                          socket(),
                                          run_ + "/pauses",
                                          std::to_string(daemon_->pid()),
                                          std::to_string(ChildNamed(daemon_->pid(), "sf-guardian")),
                                          guest_->socket_path()};
    for (const char* const device :
         {"/dev/kvm", "/dev/xen/privcmd", "/dev/xen/hypercall", "/dev/xen/xenbus", "/dev/mem"}) {
      arguments.emplace_back(device);
    }
    auto intruder = ChildProcess::Start(arguments, log);
    if (!intruder.ok()) return -1;
    const int status = (*intruder)->Wait();
    said = (*intruder)->Log();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::vector<std::byte> BytesOf(PinnedSnapshot& snapshot) {
    std::vector<std::byte> bytes(snapshot.page_count() * kPageBytes);
    std::uint64_t at = 0;
    while (at < bytes.size()) {
      const auto part = snapshot.Read(at, std::span(bytes).subspan(at));
      EXPECT_TRUE(part.ok()) << part.status();
      if (!part.ok()) break;
      at += part->copied;
      if (at < bytes.size()) at = (at / kPageBytes + 1) * kPageBytes;  // an absent page
    }
    return bytes;
  }

  TempDirectory directory_;
  TempDirectory guests_;  // mode 0700: QMP sockets are in such a folder too
  const std::string run_ = directory_.path() + "/run";
  std::unique_ptr<SimProcess> guest_;
  std::unique_ptr<ChildProcess> daemon_;
  std::unique_ptr<LocalClient> client_;
};

TEST_F(CompromisedGatewayTest, ReadsAndAsksForCapturesAndCannotDoAnythingElse) {
  v1::SnapshotSelector newest;
  newest.set_guest("web1");
  absl::StatusOr<v1::Snapshot> captured = absl::UnknownError("");
  std::atomic<bool> done{false};
  const auto operation = client_->Capture("web1", [&](absl::StatusOr<v1::Snapshot> result) {
    captured = std::move(result);
    done = true;
  });
  ASSERT_TRUE(Eventually([&] { return done.load(); }));
  ASSERT_TRUE(captured.ok()) << captured.status();
  const auto held = client_->Pin(newest, {});
  ASSERT_TRUE(held.ok()) << held.status();
  const std::vector<std::byte> before = BytesOf(**held);
  const std::uint64_t pauses_before = guest_->status().pauses;
  const pid_t guardian = ChildNamed(daemon_->pid(), "sf-guardian");

  std::string said;
  const int status = Intrude(said);
  if (status == 126 || status == 127) GTEST_SKIP() << "nobody may run it here: " << said;
  EXPECT_EQ(status, 0) << said;
  std::fputs(said.substr(said.rfind('\n', said.size() - 2) + 1).c_str(), stdout);

  // The one capture that it was granted, and no other pause.
  EXPECT_EQ(guest_->status().pauses, pauses_before + 1);
  EXPECT_EQ(guest_->status().paused, 0u);
  EXPECT_EQ(ChildNamed(daemon_->pid(), "sf-guardian"), guardian);
  EXPECT_TRUE(client_->ListGuests().ok());
  EXPECT_TRUE((*held)->CheckHeld().ok());
  EXPECT_TRUE(BytesOf(**held) == before);
}

}  // namespace
}  // namespace stillframe
