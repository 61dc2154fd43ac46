#include "gateway/watch_queue.h"

#include <gtest/gtest.h>

namespace stillframe {
namespace {

v1::SnapshotEvent Published(const std::string& guest, std::uint64_t generation) {
  v1::SnapshotEvent event;
  event.set_guest_uuid(guest);
  event.set_epoch("e");
  event.mutable_published()->set_generation(generation);
  return event;
}

TEST(WatchQueueTest, KeepsOrderBelowTheBound) {
  WatchQueue queue(3);
  for (std::uint64_t g = 1; g <= 3; ++g) queue.Push(Published("a", g));
  for (std::uint64_t g = 1; g <= 3; ++g) EXPECT_EQ(queue.Pop()->published().generation(), g);
  EXPECT_FALSE(queue.Pop().has_value());
}

TEST(WatchQueueTest, TellsWhatDidNotFitForEachGuest) {
  WatchQueue queue(1);
  queue.Push(Published("a", 1));
  queue.Push(Published("a", 2));
  queue.Push(Published("b", 9));
  queue.Push(Published("a", 3));

  EXPECT_EQ(queue.Pop()->published().generation(), 1u);
  const auto a = queue.Pop();
  ASSERT_TRUE(a.has_value() && a->has_missed());
  EXPECT_EQ(a->guest_uuid(), "a");
  EXPECT_EQ(a->missed().first_generation(), 2u);
  EXPECT_EQ(a->missed().last_generation(), 3u);
  EXPECT_EQ(a->missed().events(), 2u);
  const auto b = queue.Pop();
  ASSERT_TRUE(b.has_value() && b->has_missed());
  EXPECT_EQ(b->missed().first_generation(), 9u);
  EXPECT_FALSE(queue.Pop().has_value());
}

TEST(WatchQueueTest, NothingOvertakesWhatWasMissed) {
  WatchQueue queue(2);
  for (std::uint64_t g = 1; g <= 3; ++g) queue.Push(Published("a", g));  // 3 does not fit
  EXPECT_EQ(queue.Pop()->published().generation(), 1u);
  queue.Push(Published("a", 4));  // there is room, but 3 comes first
  EXPECT_EQ(queue.Pop()->published().generation(), 2u);
  const auto missed = queue.Pop();
  EXPECT_EQ(missed->missed().first_generation(), 3u);
  EXPECT_EQ(missed->missed().last_generation(), 4u);
  queue.Push(Published("a", 5));
  EXPECT_EQ(queue.Pop()->published().generation(), 5u);
}

TEST(WatchQueueTest, EventsWithoutGenerationsAreCounted) {
  WatchQueue queue(0);
  v1::SnapshotEvent gone;
  gone.set_guest_uuid("a");
  gone.mutable_guest_gone();
  queue.Push(gone);
  const auto missed = queue.Pop();
  EXPECT_EQ(missed->missed().events(), 1u);
  EXPECT_EQ(missed->missed().first_generation(), 0u);
}

TEST(WatchQueueTest, MemoryForWhatWasMissedIsBounded) {
  WatchQueue queue(0);
  for (int guest = 0; guest < 5000; ++guest) queue.Push(Published(std::to_string(guest), 1));
  std::uint64_t told = 0;
  std::uint64_t events = 0;
  while (const auto event = queue.Pop()) {
    ++told;
    events += event->missed().events();
  }
  EXPECT_LT(told, 300u);
  EXPECT_EQ(events, 5000u);
}

}  // namespace
}  // namespace stillframe
