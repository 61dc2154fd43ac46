#include "guardian/robust_lock.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

namespace stillframe {
namespace {

using Outcome = RobustLock::Outcome;

TEST(RobustLockTest, IsHeldByOneThreadAtATime) {
  RobustLock lock;
  lock.Reset();
  ASSERT_EQ(lock.TryLock(), Outcome::kTaken);
  Outcome other = Outcome::kTaken;
  std::thread([&] { other = lock.TryLock(); }).join();
  EXPECT_EQ(other, Outcome::kHeld);
  lock.Unlock();
  EXPECT_EQ(lock.TryLock(), Outcome::kTaken);
  lock.Unlock();
}

TEST(RobustLockTest, TellsThatItsHolderDiedAndIsUsableAfterThat) {
  RobustLock lock;
  lock.Reset();
  std::thread([&] { EXPECT_EQ(lock.Lock(), Outcome::kTaken); }).join();
  ASSERT_EQ(lock.Lock(), Outcome::kTakenFromDead);
  lock.Unlock();
  EXPECT_EQ(lock.TryLock(), Outcome::kTaken);
  lock.Unlock();
}

TEST(RobustLockTest, ResetForgetsAHolderOfAnEarlierRun) {
  RobustLock earlier;
  earlier.Reset();
  std::thread([&] { EXPECT_EQ(earlier.Lock(), Outcome::kTaken); }).join();
  RobustLock lock;  // the same bytes, mapped anew
  std::memcpy(static_cast<void*>(&lock), &earlier, sizeof lock);
  lock.Reset();
  EXPECT_EQ(lock.TryLock(), Outcome::kTaken);
  lock.Unlock();
}

}  // namespace
}  // namespace stillframe
