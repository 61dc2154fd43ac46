// Plays the daemon, and as `--guardian` its guardian, for tests that kill either.
//
//   guardian-scenario-daemon LEDGER BOARD      answers commands from standard input, line by line
//
//   arm GUEST MS | begin GUEST | disarm GUEST  -> name of the status code
//   drop GUEST                                 -> OK, once its guard is destroyed
//   guardian                                   -> its pid, -1 while there is none
//   stats                                      -> RESUMES RESPAWNS
//   hold MIB                                   -> ok, once that much shared memory is faulted in
//   exit | segv                                -> no answer: end so
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/mapping.h"
#include "base/memfd.h"
#include "base/status.h"
#include "guardian/guardian_client.h"
#include "guardian/recovery.h"
#include "support/guardian/resume_board.h"

namespace stillframe::testing {
namespace {

void Answer(const std::string& line) { std::cout << line << std::endl; }

std::string CodeOf(const absl::Status& status) {
  return std::string(absl::StatusCodeToString(status.code()));
}

class Scenario {
 public:
  explicit Scenario(GuardianClient& client) : client_(client) {}

  void Run(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    std::size_t guest = 0;
    std::uint64_t number = 0;
    words >> verb;
    if (verb == "arm") {
      words >> guest >> number;
      Answer(CodeOf(GuardOf(guest).Arm(Clock::System().MonotonicNs() + number * 1'000'000)));
    } else if (verb == "begin") {
      words >> guest;
      GuardOf(guest).BeginResume();
      Answer("OK");
    } else if (verb == "disarm") {
      words >> guest;
      Answer(CodeOf(GuardOf(guest).Disarm()));
    } else if (verb == "drop") {
      words >> guest;
      guards_.erase(guest);
      Answer("OK");
    } else if (verb == "guardian") {
      Answer(std::to_string(client_.guardian_pid()));
    } else if (verb == "stats") {
      const GuardianStats stats = client_.stats();
      Answer(std::to_string(stats.resumes) + " " + std::to_string(stats.respawns));
    } else if (verb == "hold") {
      words >> number;
      Answer(CodeOf(Hold(number << 20)));
    } else if (verb == "exit") {
      _exit(0);
    } else if (verb == "segv") {
      raise(SIGSEGV);
    } else {
      Answer("unknown command " + verb);
    }
  }

 private:
  LedgerPauseGuard& GuardOf(std::size_t guest) {
    auto& guard = guards_[guest];
    if (guard == nullptr) {
      auto registered = client_.Register(BoardTicket(guest), STDIN_FILENO);
      if (!registered.ok()) std::abort();
      guard = *std::move(registered);
    }
    return *guard;
  }

  absl::Status Hold(std::size_t bytes) {
    SF_ASSIGN_OR_RETURN(const UniqueFd fd, CreateMemfd("held", bytes));
    SF_ASSIGN_OR_RETURN(Mapping mapping, Mapping::Shared(fd.get(), 0, bytes, Access::kReadWrite));
    SF_RETURN_IF_ERROR(mapping.Populate(Access::kReadWrite));
    held_.push_back(std::move(mapping));
    return absl::OkStatus();
  }

  GuardianClient& client_;
  std::map<std::size_t, std::unique_ptr<LedgerPauseGuard>> guards_;
  std::vector<Mapping> held_;
};

int DaemonMain(const std::string& ledger_path, const std::string& board_path) {
  ResumeBoard board = ResumeBoard::AtPath(board_path);
  ResumerList resumers;
  resumers.push_back(MakeBoardResumer(board));
  auto ledger = PauseLedger::Open(ledger_path, std::chrono::milliseconds(5000));
  if (!ledger.ok()) {
    Answer(CodeOf(ledger.status()) + " " + MessageOf(ledger.status()));
    return 1;
  }
  const auto recovered = RecoverLeftovers(*ledger, resumers);
  GuardianClient::Options options;
  options.command = {"/proc/self/exe", "--guardian", board_path};
  options.log = LogToStandardError;
  auto client = GuardianClient::Start(*std::move(ledger), options);
  if (!client.ok()) {
    Answer(CodeOf(client.status()) + " " + MessageOf(client.status()));
    return 1;
  }
  Answer("ready " + std::to_string(recovered.size()));
  Scenario scenario(**client);
  for (std::string line; std::getline(std::cin, line);) scenario.Run(line);
  return 0;
}

int PlayGuardian(const std::string& board_path) {
  ResumeBoard board = ResumeBoard::AtPath(board_path);
  if (board.guardians_barred() != 0) return 3;
  ResumerList resumers;
  resumers.push_back(MakeBoardResumer(board));
  return GuardianMain(resumers, LogToStandardError);
}

}  // namespace
}  // namespace stillframe::testing

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  if (std::string(argv[1]) == "--guardian") return stillframe::testing::PlayGuardian(argv[2]);
  return stillframe::testing::DaemonMain(argv[1], argv[2]);
}
