// A ledger, a board, and daemons to kill.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/eventually.h"
#include "support/guardian/resume_board.h"
#include "support/guardian/scenario_daemon.h"
#include "support/guardian/temp_dir.h"

namespace stillframe {

class GuardianFixture : public ::testing::Test {
 protected:
  std::unique_ptr<testing::ScenarioDaemon> StartDaemon() {
    return std::make_unique<testing::ScenarioDaemon>(dir_.File("pauses"), dir_.File("board"));
  }

  std::uint32_t Resumes(std::size_t guest) { return board_.guest(guest).resumes; }

  testing::TempDir dir_;
  testing::ResumeBoard board_ = testing::ResumeBoard::AtPath(dir_.File("board"));
};

}  // namespace stillframe
