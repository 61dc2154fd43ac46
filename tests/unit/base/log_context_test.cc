#include "base/log_context.h"

#include <gtest/gtest.h>

#include <thread>

namespace stillframe {
namespace {

TEST(LogContextTest, ScopesNestAndGiveBackWhatWasThere) {
  EXPECT_TRUE(CurrentLogContext().guest.empty());
  {
    const LogScope guest(LogContext{"web1", "uuid", 0});
    EXPECT_EQ(CurrentLogContext().guest, "web1");
    {
      const LogScope generation(7);
      EXPECT_EQ(CurrentLogContext().guest, "web1");
      EXPECT_EQ(CurrentLogContext().generation, 7u);
    }
    EXPECT_EQ(CurrentLogContext().generation, 0u);
  }
  EXPECT_TRUE(CurrentLogContext().guest.empty());
}

TEST(LogContextTest, ThreadsDoNotShareIt) {
  const LogScope guest(LogContext{"web1", "", 0});
  std::string seen = "not looked at";
  std::thread([&seen] { seen = CurrentLogContext().guest; }).join();
  EXPECT_EQ(seen, "");
}

}  // namespace
}  // namespace stillframe
