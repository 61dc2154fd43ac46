// Runs guardian-scenario-daemon and talks to it; ends it and its guardian with the test.
//
// Owned by the test's thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/unique_fd.h"

namespace stillframe::testing {

class ScenarioDaemon {
 public:
  ScenarioDaemon(const std::string& ledger, const std::string& board);
  ~ScenarioDaemon();
  ScenarioDaemon(const ScenarioDaemon&) = delete;
  ScenarioDaemon& operator=(const ScenarioDaemon&) = delete;

  // What it said first: "ready RECOVERED", or its error.
  const std::string& greeting() const { return greeting_; }
  pid_t pid() const { return pid_; }

  // Sends a command; the answer, empty when it died.
  std::string Ask(const std::string& command);
  void Tell(const std::string& command);

  void Signal(int signal);

  // SIGKILLs it; CLOCK_MONOTONIC just before.
  std::uint64_t Kill();

  // Blocks until its death closed its descriptors; CLOCK_MONOTONIC then.
  std::uint64_t AwaitEof();

  // The process it last named as its guardian.
  pid_t FindGuardian();
  void KillGuardian();

  // Whether the last guardian found has ended, within ten seconds.
  bool GuardianEnds();

 private:
  std::string ReadLine();

  pid_t pid_ = -1;
  UniqueFd commands_;
  UniqueFd answers_;
  UniqueFd life_;  // closed at the other end by the daemon's death only
  UniqueFd guardian_;
  std::string greeting_;
};

}  // namespace stillframe::testing
