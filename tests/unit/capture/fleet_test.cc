#include "capture/fleet.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <future>

#include "support/eventually.h"
#include "support/fake_guest.h"

namespace stillframe {
namespace {

// Lists one fake guest, or none, or one that cannot be read.
class FakeHypervisor final : public Hypervisor {
 public:
  Backend backend() const override { return Backend::kSim; }
  absl::StatusOr<std::vector<GuestListing>> List() override {
    if (!list_status.ok()) return list_status;
    if (!present) return std::vector<GuestListing>{};
    return std::vector<GuestListing>{{FakeGuest(machine).identity(), RunState::kRunning, readable}};
  }
  absl::StatusOr<std::unique_ptr<Guest>> Open(const GuestId&) override {
    return std::make_unique<FakeGuest>(machine);
  }

  int change_fd() const override { return change.get(); }

  FakeMachine machine{16};
  UniqueFd change;  // an eventfd where the backend tells of changes
  bool present = true;
  absl::Status readable;
  absl::Status list_status;
};

class FleetTest : public testing::Test {
 protected:
  FleetTest() {
    auto hypervisor = std::make_unique<FakeHypervisor>();
    hypervisor_ = hypervisor.get();
    std::vector<std::unique_ptr<Hypervisor>> hypervisors;
    hypervisors.push_back(std::move(hypervisor));
    WorkerContext context{Clock::System(), events_, nullptr, 16,
                          [](const ResumeTicket&, int) { return std::make_unique<FakeGuard>(); }};
    fleet_ = std::make_unique<Fleet>(std::move(hypervisors), context,
                                     [this](const GuestIdentity&) { return policy_; });
  }

  EventLog events_{100};
  GuestPolicy policy_{true, {.period_ms = 0}};
  FakeHypervisor* hypervisor_ = nullptr;
  std::unique_ptr<Fleet> fleet_;
};

TEST_F(FleetTest, StartsOneWorkerForAGuestAndKeepsIt) {
  fleet_->Discover();
  ASSERT_EQ(fleet_->Members().size(), 1u);
  const auto worker = fleet_->Members()[0].worker;
  ASSERT_NE(worker, nullptr);
  fleet_->Discover();
  EXPECT_EQ(fleet_->Members()[0].worker, worker);
}

TEST_F(FleetTest, ARebootThatTheBackendTellsOfBeginsAnEpochWithoutACapture) {
  fleet_->Discover();
  const auto worker = fleet_->Members()[0].worker;
  ASSERT_TRUE(Eventually([&] { return worker->store() != nullptr; }));
  const auto before = worker->store();
  EXPECT_TRUE(fleet_->change_fds().empty());
  hypervisor_->change = UniqueFd(eventfd(1, EFD_CLOEXEC));
  EXPECT_EQ(fleet_->change_fds().size(), 1u);
  hypervisor_->machine.boot = 2;
  fleet_->Discover();
  EXPECT_TRUE(Eventually([&] { return worker->store() != before; }));
}

TEST_F(FleetTest, AnUnreadableGuestIsListedWithTheReason) {
  hypervisor_->readable = absl::FailedPreconditionError("its RAM is not shared");
  fleet_->Discover();
  ASSERT_EQ(fleet_->Members().size(), 1u);
  EXPECT_EQ(fleet_->Members()[0].worker, nullptr);
  EXPECT_EQ(fleet_->Members()[0].unreadable, hypervisor_->readable);
  hypervisor_->readable = absl::OkStatus();
  fleet_->Discover();
  EXPECT_NE(fleet_->Members()[0].worker, nullptr);
}

TEST_F(FleetTest, APolicyMayForbidCapture) {
  policy_.capture = false;
  fleet_->Discover();
  EXPECT_EQ(fleet_->Members()[0].worker, nullptr);
  EXPECT_FALSE(fleet_->Members()[0].unreadable.ok());
}

TEST_F(FleetTest, AGuestThatIsNoLongerListedGoesAndWatchersHearOfIt) {
  fleet_->Discover();
  hypervisor_->present = false;
  fleet_->Discover();
  EXPECT_TRUE(fleet_->Members().empty());
  EXPECT_EQ(events_.Read(0, 100).events.back().kind, SnapshotEvent::Kind::kGuestGone);
}

TEST_F(FleetTest, AHypervisorThatDoesNotAnswerCostsNoWorker) {
  fleet_->Discover();
  hypervisor_->list_status = absl::UnavailableError("busy");
  fleet_->Discover();
  EXPECT_NE(fleet_->Members()[0].worker, nullptr);
}

TEST_F(FleetTest, AWorkerWhoseGuestWentIsReplacedWhenTheGuestIsBack) {
  fleet_->Discover();
  const auto first = fleet_->Members()[0].worker;
  hypervisor_->machine.gone = true;
  std::promise<void> answered;
  first->Request([&answered](absl::StatusOr<SnapshotPtr>) { answered.set_value(); });
  answered.get_future().wait();
  hypervisor_->machine.gone = false;
  while (!first->finished()) std::this_thread::yield();
  fleet_->Discover();
  EXPECT_NE(fleet_->Members()[0].worker, first);
}

}  // namespace
}  // namespace stillframe
