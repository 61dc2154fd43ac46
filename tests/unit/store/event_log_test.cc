#include "store/event_log.h"

#include <gtest/gtest.h>

namespace stillframe {
namespace {

SnapshotEvent Evicted(std::uint64_t generation) {
  SnapshotEvent event;
  event.kind = SnapshotEvent::Kind::kEvicted;
  event.generation = Generation{generation};
  return event;
}

TEST(EventLogTest, GivesEventsInOrderFromAPosition) {
  EventLog log(10);
  const std::uint64_t start = log.End();
  for (std::uint64_t i = 1; i <= 3; ++i) log.Append(Evicted(i));
  auto batch = log.Read(start, 2);
  ASSERT_EQ(batch.events.size(), 2u);
  EXPECT_EQ(batch.events[0].generation.value, 1u);
  batch = log.Read(batch.next, 2);
  ASSERT_EQ(batch.events.size(), 1u);
  EXPECT_EQ(batch.events[0].generation.value, 3u);
  EXPECT_EQ(batch.dropped, 0u);
  EXPECT_TRUE(log.Read(batch.next, 2).events.empty());
}

TEST(EventLogTest, TellsAReaderThatFellBehindHowMuchItMissed) {
  EventLog log(4);
  for (std::uint64_t i = 1; i <= 10; ++i) log.Append(Evicted(i));
  const auto batch = log.Read(0, 100);
  EXPECT_EQ(batch.dropped, 6u);
  ASSERT_EQ(batch.events.size(), 4u);
  EXPECT_EQ(batch.events[0].generation.value, 7u);
  EXPECT_EQ(batch.next, 10u);
}

TEST(EventLogTest, WakesOnceForEveryAppend) {
  EventLog log(4);
  int wakes = 0;
  log.SetWakeUp([&wakes] { ++wakes; });
  log.Append(Evicted(1));
  log.Append(Evicted(2));
  EXPECT_EQ(wakes, 2);
}

}  // namespace
}  // namespace stillframe
