#include "capture/worker.h"

#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "base/reason.h"
#include "support/fake_clock.h"
#include "support/fake_guest.h"

namespace stillframe {
namespace {

using Result = absl::StatusOr<SnapshotPtr>;

class WorkerTest : public testing::Test {
 protected:
  std::unique_ptr<Worker> Start(CapturePolicy policy) {
    WorkerContext context{Clock::System(), events_, nullptr, 16,
                          [](const ResumeTicket&, int) { return std::make_unique<FakeGuard>(); }};
    return std::make_unique<Worker>(std::make_unique<FakeGuest>(machine_), policy, context);
  }

  static std::future<Result> Request(Worker& worker) {
    auto promise = std::make_shared<std::promise<Result>>();
    worker.Request([promise](Result result) { promise->set_value(std::move(result)); });
    return promise->get_future();
  }

  FakeMachine machine_{64};
  EventLog events_{1000};
};

TEST_F(WorkerTest, CapturesOnRequestWithoutAPeriod) {
  auto worker = Start({.period_ms = 0});
  const Result first = Request(*worker).get();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ((*first)->metadata.generation.value, 1u);
  EXPECT_EQ((*first)->metadata.trigger, CaptureTrigger::kRequest);
  EXPECT_EQ((*Request(*worker).get())->metadata.generation.value, 2u);
  EXPECT_EQ(worker->status().captures, 2u);
}

TEST_F(WorkerTest, TotalsOutliveTheEpoch) {
  auto worker = Start({.period_ms = 0});
  ASSERT_TRUE(Request(*worker).get().ok());
  ++machine_.boot;
  ASSERT_TRUE(Request(*worker).get().ok());
  const WorkerStatus status = worker->status();
  EXPECT_EQ(status.captures, 1u);
  EXPECT_EQ(status.totals.captures, 2u);
  EXPECT_EQ(status.totals.pauses.count(), 2u);
  EXPECT_EQ(status.totals.pages_copied, 2 * 64u);
}

TEST_F(WorkerTest, CapturesPeriodically) {
  std::promise<void> third;
  int reads = 0;
  machine_.while_paused = [&] {
    if (++reads == 3) third.set_value();
  };
  auto worker = Start({.period_ms = 5});
  third.get_future().wait();
  worker.reset();
  EXPECT_FALSE(machine_.paused);
  EXPECT_EQ(machine_.pauses, machine_.resumes);
}

TEST_F(WorkerTest, RequestsDuringACaptureShareTheNextOne) {
  Worker* target = nullptr;
  std::vector<std::future<Result>> late;
  machine_.while_paused = [&] {
    if (late.empty()) {
      for (int i = 0; i < 3; ++i) late.push_back(Request(*target));
    }
  };
  auto worker = Start({.period_ms = 0});
  target = worker.get();
  EXPECT_EQ((*Request(*worker).get())->metadata.generation.value, 1u);
  for (auto& result : late) EXPECT_EQ((*result.get())->metadata.generation.value, 2u);
}

TEST_F(WorkerTest, ARebootBeginsANewEpochAndOldPinsStillRead) {
  machine_.Write(Gfn{3}, 3);
  auto worker = Start({.period_ms = 0});
  ASSERT_TRUE(Request(*worker).get().ok());
  const auto old_store = worker->store();
  const auto pinned = old_store->Pin(Generation{1}, 0);
  ASSERT_TRUE(pinned.ok());
  ++machine_.boot;
  machine_.Write(Gfn{3}, 0);
  const Result after = Request(*worker).get();
  ASSERT_TRUE(after.ok());
  EXPECT_EQ((*after)->metadata.generation.value, 1u);
  EXPECT_NE((*after)->metadata.epoch, old_store->epoch());
  EXPECT_EQ(StateOf(pinned->snapshot->pages.slots()[3]), PageState::kPresent);

  std::vector<SnapshotEvent::Kind> kinds;
  for (const auto& event : events_.Read(0, 100).events) kinds.push_back(event.kind);
  using Kind = SnapshotEvent::Kind;
  EXPECT_EQ(kinds, (std::vector<Kind>{Kind::kEpochChanged, Kind::kPublished, Kind::kEpochChanged,
                                      Kind::kPublished}));
}

TEST_F(WorkerTest, AGoneGuestEndsTheWorkerAndAnswersEverybody) {
  auto worker = Start({.period_ms = 0});
  ASSERT_TRUE(Request(*worker).get().ok());
  machine_.gone = true;
  EXPECT_TRUE(absl::IsNotFound(Request(*worker).get().status()));
  const Result late = Request(*worker).get();
  EXPECT_TRUE(absl::IsNotFound(late.status()));
}

TEST_F(WorkerTest, CancellingTheOnlyRequestResumesTheGuestAndAnswersIt) {
  Worker* target = nullptr;
  std::promise<Result> answer;
  std::atomic<Worker::RequestId> id{0};
  std::promise<void> requested;
  auto known = requested.get_future();
  machine_.while_paused = [&] {
    known.wait();
    target->Cancel(id);
  };
  auto worker = Start({.period_ms = 0});
  target = worker.get();
  id = worker->Request([&](Result result) { answer.set_value(std::move(result)); });
  requested.set_value();
  EXPECT_TRUE(absl::IsCancelled(answer.get_future().get().status()));
  worker.reset();
  EXPECT_FALSE(machine_.paused);
}

TEST_F(WorkerTest, PausesTooLongForThePeriodStretchItAndTheStatusSaysSo) {
  FakeClock clock;
  std::promise<void> first;
  machine_.at_resume = [&, once = true]() mutable {
    clock.AdvanceMs(100);
    if (std::exchange(once, false)) first.set_value();
  };
  WorkerContext context{clock, events_, nullptr, 16,
                        [](const ResumeTicket&, int) { return std::make_unique<FakeGuard>(); }};
  Worker worker(std::make_unique<FakeGuest>(machine_),
                {.period_ms = 10, .downtime_percent_max = 20}, context);
  first.get_future().wait();
  // Not due again by the clock that stands still: a request is served at once all the same.
  ASSERT_TRUE(Request(worker).get().ok());
  ASSERT_TRUE(Request(worker).get().ok());
  EXPECT_EQ(worker.status().stretched_period_ms, 500u);
}

TEST_F(WorkerTest, AWorkerWaitsForItsTurnAndCanBeStoppedMeanwhile) {
  const auto turns = std::make_shared<CaptureTurns>(1);
  const std::atomic<bool> no{false};
  auto taken = std::make_optional(turns->Wait(no, [] {}));
  WorkerContext context{Clock::System(), events_, nullptr, 16,
                        [](const ResumeTicket&, int) { return std::make_unique<FakeGuard>(); }};
  context.turns = turns;
  auto worker = std::make_unique<Worker>(std::make_unique<FakeGuest>(machine_),
                                         CapturePolicy{.period_ms = 0}, context);
  auto stopped = Request(*worker);
  worker.reset();
  EXPECT_TRUE(absl::IsCancelled(stopped.get().status()));
  EXPECT_EQ(machine_.pauses, 0u);

  worker = std::make_unique<Worker>(std::make_unique<FakeGuest>(machine_),
                                    CapturePolicy{.period_ms = 0}, context);
  auto captured = Request(*worker);
  taken.reset();
  EXPECT_TRUE(captured.get().ok());
}

TEST_F(WorkerTest, AFailedCaptureIsAnEventAndTheNextOneSucceeds) {
  auto worker = Start({.period_ms = 0});
  ASSERT_TRUE(Request(*worker).get().ok());
  machine_.fail_call = machine_.calls + 2;
  EXPECT_FALSE(Request(*worker).get().ok());
  EXPECT_EQ(worker->status().captures_failed, 1u);
  EXPECT_FALSE(worker->status().last_error.ok());
  ASSERT_TRUE(Request(*worker).get().ok());
  EXPECT_TRUE(worker->status().last_error.ok());
  bool told = false;
  for (const auto& event : events_.Read(0, 100).events) {
    told |= event.kind == SnapshotEvent::Kind::kFailed;
  }
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace stillframe
