#include "service/service_log.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/log_context.h"

namespace stillframe {
namespace {

using testing::ElementsAre;
using Entry = std::vector<std::string>;

class JournalSinkTest : public testing::Test {
 protected:
  JournalSinkTest()
      : log_("", MakeJournalSink("stillframed", [this](std::span<const iovec> fields) {
               Entry& entry = entries_.emplace_back();
               for (const iovec& field : fields) {
                 entry.emplace_back(static_cast<const char*>(field.iov_base), field.iov_len);
               }
               return stored_;
             })) {
    log_.set_level(spdlog::level::trace);
  }

  bool stored_ = true;
  std::vector<Entry> entries_;
  spdlog::logger log_;
};

TEST_F(JournalSinkTest, EntriesHaveMessagePriorityAndProgram) {
  log_.info("serving");
  log_.error("lost");
  EXPECT_THAT(entries_,
              ElementsAre(Entry{"MESSAGE=serving", "PRIORITY=6", "SYSLOG_IDENTIFIER=stillframed"},
                          Entry{"MESSAGE=lost", "PRIORITY=3", "SYSLOG_IDENTIFIER=stillframed"}));
}

TEST_F(JournalSinkTest, WhatIsAboutAGuestHasItAsFields) {
  const LogScope guest(LogContext{"web1", "11111111-2222-4333-8444-555555555555", 0});
  log_.warn("guest web1: late");
  {
    const LogScope generation(7);
    log_.debug("captured");
  }
  ASSERT_EQ(entries_.size(), 2u);
  EXPECT_THAT(entries_[0],
              ElementsAre("MESSAGE=guest web1: late", "PRIORITY=4", "SYSLOG_IDENTIFIER=stillframed",
                          "GUEST=web1", "GUEST_UUID=11111111-2222-4333-8444-555555555555"));
  EXPECT_EQ(entries_[1].back(), "GENERATION=7");
}

// Fields carry their length: nothing in a name can begin another field.
TEST_F(JournalSinkTest, ALineBreakInANameStaysInItsField) {
  const LogScope guest(LogContext{"web1\nPRIORITY=0", "", 0});
  log_.info("x");
  EXPECT_THAT(entries_.at(0),
              ElementsAre("MESSAGE=x", "PRIORITY=6", "SYSLOG_IDENTIFIER=stillframed",
                          "GUEST=web1\nPRIORITY=0"));
}

TEST_F(JournalSinkTest, WhatTheJournalDoesNotTakeGoesToStandardError) {
  stored_ = false;
  testing::internal::CaptureStderr();
  log_.info("serving");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "serving\n");
}

class JournalStreamTest : public testing::Test {
 protected:
  ~JournalStreamTest() override { unsetenv("JOURNAL_STREAM"); }
};

TEST_F(JournalStreamTest, OnlyTheVeryStreamThatSystemdMadeIsTheJournal) {
  unsetenv("JOURNAL_STREAM");
  EXPECT_FALSE(StandardErrorIsJournal());
  struct stat error {};
  ASSERT_EQ(fstat(STDERR_FILENO, &error), 0);
  setenv("JOURNAL_STREAM", fmt::format("{}:{}", error.st_dev, error.st_ino).c_str(), 1);
  EXPECT_TRUE(StandardErrorIsJournal());
  // As in a program that was started with another standard error than its parent.
  setenv("JOURNAL_STREAM", fmt::format("{}:{}", error.st_dev, error.st_ino + 1).c_str(), 1);
  EXPECT_FALSE(StandardErrorIsJournal());
}

TEST_F(JournalStreamTest, ElsewhereTheLogIsText) {
  unsetenv("JOURNAL_STREAM");
  testing::internal::CaptureStderr();
  MakeServiceLog("stillframed", "%l: %v")->warn("late");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "warning: late\n");
}

}  // namespace
}  // namespace stillframe
