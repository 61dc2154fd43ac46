#include "local/watch_cursor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/reason.h"
#include "support/fake_clock.h"
#include "support/fake_guest_directory.h"

namespace stillframe {
namespace {

using testing::ElementsAre;

// "3": generation 3 was published; "-3": evicted; "?1-2": missed; "!": other events were lost;
// "E": a new epoch.
std::string Short(const v1::SnapshotEvent& event) {
  if (event.has_published()) return std::to_string(event.published().generation());
  if (event.has_evicted()) return "-" + std::to_string(event.evicted().generation());
  if (event.has_epoch_changed()) return "E";
  if (!event.has_missed()) return "other";
  if (event.missed().first_generation() == 0) return "!";
  return "?" + std::to_string(event.missed().first_generation()) + "-" +
         std::to_string(event.missed().last_generation());
}

class WatchCursorTest : public testing::Test {
 protected:
  void SetUpLog(std::size_t log_events, std::uint64_t generations_max = 3) {
    directory_ = std::make_unique<FakeGuestDirectory>(
        clock_, Retention{.generations_max = generations_max}, log_events);
    directory_->BeginEpoch();
  }

  void Publish(int count) {
    for (int i = 0; i < count; ++i) ASSERT_NE(directory_->Publish(std::byte{1}), nullptr);
  }

  absl::StatusOr<WatchCursor> Begin(const std::string& guest, std::uint64_t from = 0,
                                    const std::string& epoch = "") {
    local::v1::Watch request;
    request.set_guest(guest);
    request.set_from_generation(from);
    request.set_epoch(epoch);
    return WatchCursor::Begin(*directory_, request);
  }

  // Reads in small steps until nothing is left.
  static std::vector<std::string> Drain(WatchCursor& cursor) {
    std::vector<std::string> events;
    bool more = true;
    while (more) {
      for (const auto& event : cursor.Next(2, more)) events.push_back(Short(event));
    }
    return events;
  }

  FakeClock clock_;
  std::unique_ptr<FakeGuestDirectory> directory_;
};

TEST_F(WatchCursorTest, ReplaysLiveGenerationsThenFollowsWithoutGapOrDuplicate) {
  SetUpLog(1000, 10);
  Publish(4);
  auto cursor = Begin("web1", 2);
  ASSERT_TRUE(cursor.ok());
  Publish(2);
  EXPECT_THAT(Drain(*cursor), ElementsAre("2", "3", "4", "5", "6"));
  EXPECT_THAT(Drain(*cursor), ElementsAre());
  Publish(1);
  EXPECT_THAT(Drain(*cursor), ElementsAre("7"));
}

TEST_F(WatchCursorTest, TellsWhichGenerationsWereEvictedAlready) {
  SetUpLog(1000);
  Publish(6);
  auto cursor = Begin("web1", 2);
  ASSERT_TRUE(cursor.ok());
  EXPECT_THAT(Drain(*cursor), ElementsAre("?2-3", "4", "5", "6"));
}

TEST_F(WatchCursorTest, APinnedOldGenerationIsReplayedBetweenMissedOnes) {
  SetUpLog(1000);
  Publish(2);
  ASSERT_TRUE(directory_->store()->Pin(Generation{2}, 0).ok());
  Publish(5);
  auto cursor = Begin("web1", 1);
  ASSERT_TRUE(cursor.ok());
  EXPECT_THAT(Drain(*cursor), ElementsAre("?1-1", "2", "?3-4", "5", "6", "7"));
}

TEST_F(WatchCursorTest, FromZeroTellsOnlyWhatIsNew) {
  SetUpLog(1000, 10);
  Publish(3);
  for (const char* guest : {"web1", ""}) {
    SCOPED_TRACE(guest);
    auto cursor = Begin(guest);
    ASSERT_TRUE(cursor.ok());
    EXPECT_THAT(Drain(*cursor), ElementsAre());
    ASSERT_NE(directory_->Publish(std::byte{1}), nullptr);
    EXPECT_EQ(Drain(*cursor).size(), 1u);
  }
}

TEST_F(WatchCursorTest, AFutureGenerationIsWaitedFor) {
  SetUpLog(1000, 10);
  Publish(1);
  auto cursor = Begin("web1", 4);
  ASSERT_TRUE(cursor.ok());
  Publish(4);
  EXPECT_THAT(Drain(*cursor), ElementsAre("4", "5"));
}

TEST_F(WatchCursorTest, AWatcherThatFallsBehindTheLogIsToldWhatItMissed) {
  SetUpLog(4);
  auto cursor = Begin("web1");
  ASSERT_TRUE(cursor.ok());
  Publish(10);
  const std::vector<std::string> events = Drain(*cursor);
  ASSERT_GE(events.size(), 5u);
  const std::vector<std::string> first(events.begin(), events.begin() + 5);
  EXPECT_THAT(first, ElementsAre("!", "?1-7", "8", "9", "10"));
  for (std::size_t i = 5; i < events.size(); ++i) EXPECT_EQ(events[i][0], '-') << events[i];
  Publish(1);
  EXPECT_THAT(Drain(*cursor), ElementsAre("11", "-8"));
}

TEST_F(WatchCursorTest, AWatcherThatSleptThroughARebootLearnsOfTheNewEpoch) {
  for (const char* guest : {"web1", ""}) {
    SCOPED_TRACE(guest);
    SetUpLog(3, 10);
    Publish(2);
    auto cursor = Begin(guest);
    ASSERT_TRUE(cursor.ok());
    Publish(2);
    directory_->BeginEpoch();
    Publish(4);
    EXPECT_THAT(Drain(*cursor), ElementsAre("!", "E", "1", "2", "3", "4"));
  }
}

TEST_F(WatchCursorTest, FollowsIntoANewEpoch) {
  SetUpLog(1000);
  Publish(2);
  auto cursor = Begin("web1", 1);
  ASSERT_TRUE(cursor.ok());
  EXPECT_THAT(Drain(*cursor), ElementsAre("1", "2"));
  directory_->BeginEpoch();
  Publish(1);
  EXPECT_THAT(Drain(*cursor), ElementsAre("E", "1"));
}

TEST_F(WatchCursorTest, AReplayWhoseEpochEndedSaysMissedAndKeepsNoStoreAlive) {
  SetUpLog(1000);
  Publish(2);
  auto cursor = Begin("web1", 1);
  ASSERT_TRUE(cursor.ok());
  const std::weak_ptr<SnapshotStore> old = directory_->store();
  directory_->BeginEpoch();
  EXPECT_TRUE(old.expired());
  EXPECT_THAT(Drain(*cursor), ElementsAre("?1-2", "E"));
}

TEST_F(WatchCursorTest, AGuestWithoutASnapshotCanBeWatched) {
  directory_ = std::make_unique<FakeGuestDirectory>(clock_, Retention{});
  auto cursor = Begin("web1", 1);
  ASSERT_TRUE(cursor.ok()) << cursor.status();
  directory_->BeginEpoch();
  Publish(2);
  EXPECT_THAT(Drain(*cursor), ElementsAre("E", "1", "2"));
}

TEST_F(WatchCursorTest, RefusesAnotherEpochAndGenerationsOfAllGuests) {
  SetUpLog(1000);
  const absl::Status other = Begin("web1", 1, Uuid::Random().ToString()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(other));
  EXPECT_EQ(ReasonOf(other).name, "EPOCH_CHANGED");
  EXPECT_TRUE(Begin("web1", 1, directory_->store()->epoch().ToString()).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Begin("web1", 1, "yesterday").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Begin("", 1).status()));
  EXPECT_EQ(ReasonOf(Begin("nobody").status()).name, "GUEST_NOT_FOUND");
}

}  // namespace
}  // namespace stillframe
