// Process 1 of a machine with NUMA nodes: captures guests whose memory lies on one node or the
// other, and asks the kernel where the copies are.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <numa.h>
#include <numaif.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <map>
#include <mutex>

#include "capture/worker.h"
#include "support/fake_guest.h"

namespace stillframe {
namespace {

// As many as are worth waking helpers for.
constexpr std::uint64_t kPages = 5000;

int NodeOfThisThread() { return numa_node_of_cpu(sched_getcpu()); }

// How many of the pages lie on each node.
std::map<int, std::size_t> Locate(const std::vector<const std::byte*>& pages) {
  std::vector<void*> at;
  for (const std::byte* page : pages) at.push_back(const_cast<std::byte*>(page));
  std::vector<int> nodes(at.size(), -1);
  EXPECT_EQ(move_pages(0, at.size(), at.data(), nullptr, nodes.data(), 0), 0);
  std::map<int, std::size_t> counts;
  for (const int node : nodes) ++counts[node];
  return counts;
}

// A guest whose memory lies on one node, and a worker that starts on the other.
class NumaTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    host_ = NumaHost::Open();
    ASSERT_NE(host_, nullptr);
    ASSERT_EQ(host_->nodes().size(), 2u);
    std::byte* const ram = const_cast<std::byte*>(machine_.PageAt(Gfn{0}));
    const unsigned long only = 1ul << home();
    ASSERT_EQ(mbind(ram, kPages << kPageShift, MPOL_BIND, &only, 8 * sizeof only, 0), 0);
    std::vector<const std::byte*> pages;
    for (std::uint64_t page = 0; page < kPages; ++page) {
      machine_.Write(Gfn{page}, page + 1);
      pages.push_back(machine_.PageAt(Gfn{page}));
    }
    ASSERT_EQ(Locate(pages), (std::map<int, std::size_t>{{home(), kPages}}));
    host_->RunOn(elsewhere());
    ASSERT_EQ(NodeOfThisThread(), elsewhere());
  }
  void TearDown() override { host_->RunOn(kAnyNode); }

  int home() const { return GetParam(); }
  int elsewhere() const { return 1 - GetParam(); }

  // Where the pages of the guest's first generation lie.
  std::map<int, std::size_t> Capture(std::shared_ptr<const NumaHost> numa) {
    machine_.while_paused = [this] { worker_ran_on_ = NodeOfThisThread(); };
    WorkerContext context{Clock::System(), events_, nullptr, 16,
                          [](const ResumeTicket&, int) { return std::make_unique<FakeGuard>(); }};
    context.crew = std::make_shared<CopyCrew>(1, numa);
    context.numa = numa;
    std::promise<absl::StatusOr<SnapshotPtr>> promise;
    Worker worker(std::make_unique<FakeGuest>(machine_), {.period_ms = 0}, context);
    worker.Request([&](auto result) { promise.set_value(std::move(result)); });
    const auto snapshot = promise.get_future().get();
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    if (!snapshot.ok()) return {};
    std::vector<const std::byte*> pages;
    for (const Slot slot : (*snapshot)->pages.slots()) {
      if (slot < kSlotsMax) pages.push_back(worker.store()->arena().At(slot));
    }
    EXPECT_EQ(pages.size(), kPages);
    return Locate(pages);
  }

  std::shared_ptr<const NumaHost> host_;
  FakeMachine machine_{kPages};
  EventLog events_{1000};
  std::atomic<int> worker_ran_on_ = -1;
};

TEST_P(NumaTest, CopiesLieAndAreMadeWhereTheGuestsMemoryLies) {
  EXPECT_EQ(Capture(host_), (std::map<int, std::size_t>{{home(), kPages}}));
  EXPECT_EQ(worker_ran_on_.load(), home());
}

// What the kernel does by itself: without this the other tests would show nothing.
TEST_P(NumaTest, UnadvisedCopiesStayWhereTheWorkerHappensToRun) {
  EXPECT_EQ(Capture(nullptr), (std::map<int, std::size_t>{{elsewhere(), kPages}}));
  EXPECT_EQ(worker_ran_on_.load(), elsewhere());
}

// Notes on which nodes its parts are done; a part lasts until the other thread has come too.
class WhereDone final : public SharedWork {
 public:
  void Do(std::uint32_t) override {
    {
      const std::lock_guard lock(mu_);
      by_thread_[gettid()] = NodeOfThisThread();
    }
    ++here_;
    while (here_ < 2) sched_yield();
  }
  int NodeOfHelper(pid_t borrower) const {
    for (const auto& [thread, node] : by_thread_) {
      if (thread != borrower) return node;
    }
    return -1;
  }

 private:
  std::mutex mu_;
  std::map<pid_t, int> by_thread_;
  std::atomic<int> here_ = 0;
};

TEST_P(NumaTest, HelpersServeOnTheBorrowersNode) {
  CopyCrew crew(1, host_);
  for (const int node : {home(), elsewhere(), home()}) {
    const CopyCrew::Borrow helpers(&crew, node);
    WhereDone work;
    helpers.crew()->Run(work, 2);
    EXPECT_EQ(work.NodeOfHelper(gettid()), node);
  }
}

TEST_P(NumaTest, HelpersStayApartWhereANodeHasTooFewProcessors) {
  CopyCrew crew(2, host_);
  const CopyCrew::Borrow helpers(&crew, home());
  cpu_set_t cpus;
  struct : SharedWork {
    void Do(std::uint32_t) override {
      ++here;
      while (here < 3) sched_yield();
      cpu_set_t mine;
      sched_getaffinity(0, sizeof mine, &mine);
      if (CPU_COUNT(&mine) == 4) ++unbound;
    }
    std::atomic<int> here = 0;
    std::atomic<int> unbound = 0;
  } work;
  helpers.crew()->Run(work, 3);
  EXPECT_EQ(work.unbound.load(), 2) << "the borrower alone is bound";
  sched_getaffinity(0, sizeof cpus, &cpus);
  EXPECT_EQ(CPU_COUNT(&cpus), 2);
}

INSTANTIATE_TEST_SUITE_P(OfTwoNodes, NumaTest, testing::Values(0, 1));

// What a first process does not find: file systems and a console to write to.
bool MakeSystem() {
  for (const char* folder : {"/proc", "/sys", "/dev"}) mkdir(folder, 0755);
  if (mount("proc", "/proc", "proc", 0, nullptr) != 0) return false;
  if (mount("sys", "/sys", "sysfs", 0, nullptr) != 0) return false;
  if (mount("dev", "/dev", "devtmpfs", 0, nullptr) != 0) return false;
  const int console = open("/dev/console", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) dup2(console, fd);
  return console >= 0;
}

}  // namespace
}  // namespace stillframe

int main(int argc, char** argv) {
  if (getpid() == 1 && !stillframe::MakeSystem()) return 1;
  testing::InitGoogleTest(&argc, argv);
  const int failed = RUN_ALL_TESTS();
  std::printf("numa_test: %s\n", failed == 0 ? "passed" : "FAILED");
  std::fflush(stdout);
  if (getpid() == 1) reboot(RB_POWER_OFF);
  return failed;
}
