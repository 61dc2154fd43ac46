// The product on a real Xen, as its users have it: stillframed and the gateway in dom0, a remote
// monitor on another machine, which is the host that emulates dom0's.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "guest/machine_to_guest.h"
#include "stillframe/connection.h"
#include "support/child_process.h"
#include "support/judge_snapshot.h"
#include "support/page_walk.h"
#include "support/temp_directory.h"
#include "support/xen_lab.h"

namespace stillframe {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kStartDaemons[] = R"(
rm -rf /tmp/stack && mkdir -p /tmp/stack && cd /tmp/stack
cat >stillframed.toml <<TOML
[daemon]
socket = "/tmp/stack/stillframed.sock"
socket_group = ""
ledger = "/tmp/stack/pauses"
[defaults]
period_ms = 4000
generations_max = 4
pause_deadline_ms = 10_000
arena_bytes_max = 402_653_184
TOML
stillframed --config stillframed.toml >stillframed.log 2>&1 & echo $! >pids
until [ -S stillframed.sock ]; do kill -0 $(cat pids) || exit 1; usleep 100000; done
cat >policy.toml <<TOML
[[grant]]
principals = ["anonymous"]
guests = ["*"]
rights = ["read", "capture", "pin"]
TOML
stillframe-gateway --daemon-socket /tmp/stack/stillframed.sock --listen 127.0.0.1:7443 \
  --policy policy.toml >gateway.log 2>&1 & echo $! >>pids
export STILLFRAME_TARGET=127.0.0.1:7443
until grep -q ^listening gateway.log; do kill -0 $(tail -n 1 pids) || exit 1; usleep 100000; done
until stillframe guests >guests.log 2>&1; do usleep 500000; done
)";

// Three guests and both daemons, once for all tests here.
class XenStackTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    available_ = xen_lab::Available();
    if (!available_.ok()) return;
    for (const std::string name : {"tiny", "pv", "pvh"}) {
      const auto domain = xen_lab::CreateGuest(name);
      ASSERT_TRUE(domain.ok()) << domain.status();
    }
    const auto started = xen_lab::Succeed(kStartDaemons, std::chrono::seconds(300));
    ASSERT_TRUE(started.ok()) << started.status() << Dom0("tail -n 5 /tmp/stack/*.log");
    const auto target = xen_lab::GatewayTarget();
    ASSERT_TRUE(target.ok()) << target.status();
    target_ = *target;
    auto connection = Connection::Open(target_);
    ASSERT_TRUE(connection.ok()) << connection.status();
    connection_ = *std::move(connection);
  }
  static void TearDownTestSuite() {
    connection_.reset();
    if (!available_.ok()) return;
    // A daemon that still ends holds its guests' memory.
    Dom0(
        "for pid in $(cat /tmp/stack/pids); do kill $pid; done\n"
        "for pid in $(cat /tmp/stack/pids); do while kill -0 $pid; do usleep 50000; done; done\n"
        "for guest in tiny pv pvh; do xl destroy $guest; done");
    EXPECT_EQ(Dom0("xl list | awk 'NR > 1 && $5 ~ /d/' | wc -l"), "0\n") << "zombie domains";
  }
  void SetUp() override {
    if (!available_.ok()) GTEST_SKIP() << available_;
    ASSERT_NE(connection_, nullptr);
  }

  static std::string Dom0(const std::string& command) {
    const auto output = xen_lab::Succeed(command);
    EXPECT_TRUE(output.ok()) << output.status();
    return output.value_or("");
  }

  // What the guest told of itself at its start.
  static std::string Truth(const std::string& guest, const std::string& key) {
    std::string line =
        Dom0(fmt::format("sed -n 's/^TRUTH {} //p' /var/log/xen/guest-{}.log", key, guest));
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
    return line;
  }

  static absl::Status available_;
  static std::string target_;
  static std::unique_ptr<Connection> connection_;
};

absl::Status XenStackTest::available_;
std::string XenStackTest::target_;
std::unique_ptr<Connection> XenStackTest::connection_;

TEST_F(XenStackTest, TheCommandListsAllKindsOfGuests) {
  const TempDirectory directory;
  auto list = ChildProcess::Start({STILLFRAME_CLI, "--target", target_, "guests"},
                                  directory.path() + "/guests.log");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ((*list)->Wait(), 0);
  for (const char* name : {"tiny", "pv", "pvh"}) EXPECT_THAT((*list)->Log(), HasSubstr(name));
  EXPECT_THAT((*list)->Log(), HasSubstr("xen"));
}

// The first of each guest is read whole; of the next ones, the stamped pages, which stay in place.
TEST_F(XenStackTest, TwentyGenerationsReadRemotelyAreEachOfOneInstant) {
  std::map<std::string, std::vector<GfnRange>> stamped;
  WatchOptions options;  // of all guests
  auto watch = connection_->Watch(options);
  ASSERT_TRUE(watch.ok()) << watch.status();
  std::map<std::string, int> judged;
  for (int total = 0; total < 20 || judged.size() < 3;) {
    const auto event = (*watch)->Next();
    ASSERT_TRUE(event.ok()) << event.status();
    if (!event->has_published()) continue;
    const v1::Snapshot& published = event->published();
    if (judged[published.guest_name()] >= 7) continue;
    auto reader = connection_->OpenSnapshot(
        Select(published.guest_uuid(), published.generation(), published.epoch()));
    if (absl::IsOutOfRange(reader.status())) continue;  // reading another guest took longer
    ASSERT_TRUE(reader.ok()) << reader.status();
    std::vector<GfnRange>& ranges = stamped[published.guest_name()];
    const TornVerdict verdict =
        ranges.empty() ? JudgeTornPages(**reader, {}, &ranges) : JudgeTornPages(**reader, ranges);
    EXPECT_TRUE(verdict.consistent)
        << published.guest_name() << " " << published.generation() << ": " << verdict.reason;
    EXPECT_EQ(fmt::to_string(verdict.pages), Truth(published.guest_name(), "torn_pages"));
    EXPECT_EQ(published.window_page_faults(), 0u) << published.guest_name();
    ++judged[published.guest_name()];
    ++total;
  }
  for (const auto& [guest, count] : judged)
    fmt::print("{}: {} generations consistent\n", guest, count);
}

TEST_F(XenStackTest, ALiveCopyWithoutAPauseIsTorn) {
  const std::string told = Dom0("stillframe-live-copy --xen pv --copies 40 --until-torn");
  fmt::print("{}", told);
  EXPECT_THAT(told, StartsWith("1 of ")) << "the check cannot tell torn from whole";
}

// The words of a snapshot at addresses as its page tables hold them: a PV guest's name machine
// frames.
WordReader WordsOf(SnapshotReader& reader) {
  std::shared_ptr<const MachineToGuest> guest_frames;
  if (reader.metadata().frame_space() == v1::Snapshot::FRAME_SPACE_MACHINE) {
    const auto machine_frames = reader.MachineFrames();
    EXPECT_TRUE(machine_frames.ok()) << machine_frames.status();
    if (machine_frames.ok()) guest_frames = std::make_shared<MachineToGuest>(*machine_frames);
  }
  return [&reader, guest_frames](std::uint64_t address) -> std::optional<std::uint64_t> {
    if (guest_frames != nullptr) {
      const auto gfn = guest_frames->Find(address >> kPageShift);
      if (!gfn) return std::nullopt;
      address = gfn->address() | (address & (kPageBytes - 1));
    }
    std::uint64_t word = 0;
    const absl::Status read = reader.ReadAt(address, std::as_writable_bytes(std::span(&word, 1)));
    return read.ok() ? std::optional(word) : std::nullopt;
  };
}

TEST_F(XenStackTest, TheKernelsBannerIsWhereCr3OfTheSnapshotSays) {
  for (const std::string guest : {"pvh", "pv"}) {
    auto reader = connection_->OpenSnapshot(Select(guest));
    ASSERT_TRUE(reader.ok()) << reader.status();
    const v1::Vcpu& vcpu = (*reader)->metadata().vcpus(0);
    const std::uint64_t banner = std::strtoull(Truth(guest, "linux_banner").c_str(), nullptr, 16);
    const std::string text = ReadKernelText(WordsOf(**reader), vcpu.cr3(), vcpu.cr4(), banner);
    EXPECT_EQ(text, Truth(guest, "version") + "\n") << guest;
    fmt::print("{}: {}", guest, text);
    if (vcpu.has_lstar()) {
      EXPECT_EQ(fmt::format("{:x}", vcpu.lstar()), Truth(guest, "entry_SYSCALL_64"));
    }
  }
}

}  // namespace
}  // namespace stillframe
