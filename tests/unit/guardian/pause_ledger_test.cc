#include "guardian/pause_ledger.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/guardian/resume_board.h"
#include "support/guardian/temp_dir.h"

namespace stillframe {
namespace {

constexpr std::chrono::milliseconds kAtOnce{0};

class PauseLedgerTest : public ::testing::Test {
 protected:
  absl::StatusOr<PauseLedger> Open() { return PauseLedger::Open(path_, kAtOnce); }

  void Overwrite(std::streamoff offset, const std::string& bytes) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offset);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  testing::TempDir dir_;
  const std::string path_ = dir_.File("pauses");
};

TEST_F(PauseLedgerTest, IsCreatedWithIdleSlotsAndForItsOwnerOnly) {
  auto ledger = Open();
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  for (std::size_t i = 0; i < PauseLedger::kSlots; ++i) {
    EXPECT_EQ(ledger->slot(i).Load().state(), PauseState::kIdle);
  }
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(PauseLedgerTest, KeepsAPredecessorsPauses) {
  {
    auto ledger = Open();
    ASSERT_TRUE(ledger.ok()) << ledger.status();
    ledger->slot(7).WriteTicket(testing::BoardTicket(7));
    ASSERT_TRUE(ledger->slot(7).Arm(1234, 1000).ok());
    ledger->slot(7).LetGo();
  }
  auto ledger = Open();
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  EXPECT_EQ(ledger->slot(7).Load().state(), PauseState::kArmed);
  EXPECT_EQ(ledger->slot(7).deadline_ns(), 1234u);
  const auto ticket = ledger->slot(7).ReadTicket();
  ASSERT_TRUE(ticket.ok());
  EXPECT_EQ(*ticket, testing::BoardTicket(7));
}

TEST_F(PauseLedgerTest, HasOneOwnerAndNamesIt) {
  auto owner = Open();
  ASSERT_TRUE(owner.ok()) << owner.status();
  const auto second = Open();
  EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << second.status();
  EXPECT_NE(second.status().message().find(std::to_string(getpid())), std::string::npos)
      << second.status();
}

TEST_F(PauseLedgerTest, AttachSeesWhatTheOwnerWrites) {
  auto owner = Open();
  ASSERT_TRUE(owner.ok()) << owner.status();
  auto guardian = PauseLedger::Attach(UniqueFd(dup(owner->fd())));
  ASSERT_TRUE(guardian.ok()) << guardian.status();
  ASSERT_TRUE(owner->slot(1).Arm(99, 1).ok());
  EXPECT_EQ(guardian->slot(1).Load().state(), PauseState::kArmed);
  EXPECT_EQ(guardian->slot(1).deadline_ns(), 99u);
  owner->slot(1).LetGo();
}

TEST_F(PauseLedgerTest, RefusesAFileOfAnotherSize) {
  std::ofstream(path_) << "short";
  std::filesystem::permissions(path_, std::filesystem::perms(0600));
  EXPECT_TRUE(absl::IsDataLoss(Open().status())) << Open().status();
}

TEST_F(PauseLedgerTest, RefusesAFileThatIsNoLedger) {
  ASSERT_TRUE(Open().ok());
  Overwrite(0, "garbage!");
  EXPECT_TRUE(absl::IsDataLoss(Open().status())) << Open().status();
}

TEST_F(PauseLedgerTest, RefusesAnotherVersion) {
  ASSERT_TRUE(Open().ok());
  Overwrite(8, "\x09");
  EXPECT_TRUE(absl::IsFailedPrecondition(Open().status())) << Open().status();
}

TEST_F(PauseLedgerTest, RefusesAnotherSlotCount) {
  ASSERT_TRUE(Open().ok());
  Overwrite(12, "\x09");
  EXPECT_TRUE(absl::IsDataLoss(Open().status())) << Open().status();
}

TEST_F(PauseLedgerTest, FinishesACreationThatWasCutShort) {
  std::ofstream(path_) << std::string(PauseLedger::kBytes, '\0');
  std::filesystem::permissions(path_, std::filesystem::perms(0600));
  EXPECT_TRUE(Open().ok()) << Open().status();
}

TEST_F(PauseLedgerTest, RefusesAFileThatOthersCanWrite) {
  ASSERT_TRUE(Open().ok());
  ASSERT_EQ(chmod(path_.c_str(), 0620), 0);
  EXPECT_TRUE(absl::IsPermissionDenied(Open().status())) << Open().status();
}

TEST_F(PauseLedgerTest, DoesNotFollowALink) {
  ASSERT_TRUE(Open().ok());
  ASSERT_EQ(symlink(path_.c_str(), dir_.File("link").c_str()), 0);
  EXPECT_FALSE(PauseLedger::Open(dir_.File("link"), kAtOnce).ok());
}

TEST_F(PauseLedgerTest, SurvivesGarbageInEverySlot) {
  ASSERT_TRUE(Open().ok());
  Overwrite(4096, std::string(PauseLedger::kSlots * sizeof(PauseSlot), '\xff'));
  auto ledger = Open();
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  for (std::size_t i = 0; i < PauseLedger::kSlots; ++i) {
    EXPECT_TRUE(absl::IsDataLoss(ledger->slot(i).ReadTicket().status()));
    EXPECT_TRUE(ledger->slot(i).PauserIsDead());
  }
}

TEST_F(PauseLedgerTest, RefusesATicketWhoseAddressHasNoEnd) {
  auto ledger = Open();
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  ResumeTicket ticket = testing::BoardTicket(0);
  ticket.address.fill('x');
  ledger->slot(0).WriteTicket(ticket);
  EXPECT_TRUE(absl::IsDataLoss(ledger->slot(0).ReadTicket().status()));
}

}  // namespace
}  // namespace stillframe
