#include "guardian/robust_lock.h"

#include <gtest/gtest.h>

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

TEST(RobustLockTest, ResetForgetsADeadHolder) {
  RobustLock lock;
  lock.Reset();
  std::thread([&] { EXPECT_EQ(lock.Lock(), Outcome::kTaken); }).join();
  lock.Reset();
  EXPECT_EQ(lock.TryLock(), Outcome::kTaken);
  lock.Unlock();
}

}  // namespace
}  // namespace stillframe
