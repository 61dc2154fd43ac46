#include "resuming_watch.h"

#include <gtest/gtest.h>

#include <deque>

#include "base/reason.h"

namespace stillframe {
namespace {

v1::SnapshotEvent Published(const std::string& epoch, std::uint64_t generation) {
  v1::SnapshotEvent event;
  event.set_epoch(epoch);
  event.mutable_published()->set_generation(generation);
  return event;
}

// Gives its events, then fails.
class ScriptedStream final : public EventStream {
 public:
  explicit ScriptedStream(std::deque<v1::SnapshotEvent> events) : events_(std::move(events)) {}
  absl::StatusOr<v1::SnapshotEvent> Next() override {
    if (events_.empty()) return absl::UnavailableError("lost");
    v1::SnapshotEvent event = events_.front();
    events_.pop_front();
    return event;
  }

 private:
  std::deque<v1::SnapshotEvent> events_;
};

class ResumingWatchTest : public ::testing::Test {
 protected:
  using Result = absl::StatusOr<std::unique_ptr<EventStream>>;

  // Streams to open, in order; what each was asked for is kept.
  OpenEventStream Script(std::deque<absl::StatusOr<std::deque<v1::SnapshotEvent>>> streams) {
    streams_ = std::move(streams);
    return [this](const WatchOptions& from, const std::stop_token&) -> Result {
      asked_.push_back(from);
      if (streams_.empty()) return absl::PermissionDeniedError("script is over");
      auto stream = std::move(streams_.front());
      streams_.pop_front();
      if (!stream.ok()) return stream.status();
      return std::make_unique<ScriptedStream>(*std::move(stream));
    };
  }

  std::deque<absl::StatusOr<std::deque<v1::SnapshotEvent>>> streams_;
  std::vector<WatchOptions> asked_;
};

WatchOptions Guest() {
  WatchOptions options;
  options.guest = "web1";
  return options;
}

TEST_F(ResumingWatchTest, ResumesAfterTheLastGenerationInTheSameEpoch) {
  auto watch = StartResumingWatch(
      Guest(),
      Script({std::deque{Published("e1", 4)}, absl::UnavailableError("still down"),
              std::deque{Published("e1", 5)}}),
      {});
  ASSERT_TRUE(watch.ok());
  EXPECT_EQ((*watch)->Next()->published().generation(), 4u);
  EXPECT_EQ((*watch)->Next()->published().generation(), 5u);
  ASSERT_EQ(asked_.size(), 3u);
  EXPECT_EQ(asked_[2].from_generation, 5u);
  EXPECT_EQ(asked_[2].epoch, "e1");
}

TEST_F(ResumingWatchTest, AnnouncesAnEpochThatBeganWhileDisconnected) {
  auto watch = StartResumingWatch(
      Guest(),
      Script({std::deque{Published("e1", 4)},
              WithReason(absl::FailedPreconditionError("other epoch"), "EPOCH_CHANGED"),
              std::deque{Published("e2", 1)}}),
      {});
  ASSERT_TRUE(watch.ok());
  EXPECT_EQ((*watch)->Next()->published().generation(), 4u);
  const auto changed = (*watch)->Next();
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed->epoch_changed().previous_epoch(), "e1");
  EXPECT_EQ(changed->epoch(), "e2");
  EXPECT_EQ((*watch)->Next()->published().generation(), 1u);
  EXPECT_EQ(asked_.back().from_generation, 1u);
  EXPECT_EQ(asked_.back().epoch, "");
}

TEST_F(ResumingWatchTest, SaysThatItMissedSomethingWhenItCannotResume) {
  auto watch = StartResumingWatch(
      Guest(), Script({std::deque<v1::SnapshotEvent>{}, std::deque{Published("e1", 9)}}), {});
  ASSERT_TRUE(watch.ok());
  EXPECT_TRUE((*watch)->Next()->has_missed());
  EXPECT_EQ((*watch)->Next()->published().generation(), 9u);
}

TEST_F(ResumingWatchTest, GivesUpOnErrorsThatWaitingDoesNotCure) {
  auto watch = StartResumingWatch(Guest(), Script({std::deque<v1::SnapshotEvent>{}}), {});
  ASSERT_TRUE(watch.ok());
  EXPECT_TRUE(absl::IsPermissionDenied((*watch)->Next().status()));
}

TEST_F(ResumingWatchTest, AStopRequestEndsTheWaitForTheGateway) {
  std::stop_source stop;
  auto watch =
      StartResumingWatch(Guest(), Script({std::deque<v1::SnapshotEvent>{}}), stop.get_token());
  ASSERT_TRUE(watch.ok());
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled((*watch)->Next().status()));
}

}  // namespace
}  // namespace stillframe
