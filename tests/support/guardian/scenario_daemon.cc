#include "support/guardian/scenario_daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "base/clock.h"

extern char** environ;

namespace stillframe::testing {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  UniqueFd read;
  UniqueFd write;
};

constexpr int kLifeFd = 40;

}  // namespace

ScenarioDaemon::ScenarioDaemon(const std::string& ledger, const std::string& board) {
  Pipe commands;
  Pipe answers;
  Pipe life;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, commands.read.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, answers.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, life.write.get(), kLifeFd);
  std::string words[] = {SCENARIO_DAEMON, ledger, board};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
  if (posix_spawn(&pid_, SCENARIO_DAEMON, &actions, nullptr, arguments, environ) != 0) std::abort();
  posix_spawn_file_actions_destroy(&actions);
  commands_ = std::move(commands.write);
  answers_ = std::move(answers.read);
  life_ = std::move(life.read);
  greeting_ = ReadLine();
  if (greeting_.starts_with("ready")) FindGuardian();
}

ScenarioDaemon::~ScenarioDaemon() {
  Signal(SIGKILL);
  waitpid(pid_, nullptr, 0);
  if (!GuardianEnds()) KillGuardian();
}

std::string ScenarioDaemon::Ask(const std::string& command) {
  Tell(command);
  return ReadLine();
}

void ScenarioDaemon::Tell(const std::string& command) {
  const std::string line = command + "\n";
  if (write(commands_.get(), line.data(), line.size()) < 0) std::abort();
}

void ScenarioDaemon::Signal(int signal) { kill(pid_, signal); }

std::uint64_t ScenarioDaemon::Kill() {
  const std::uint64_t now_ns = Clock::System().MonotonicNs();
  Signal(SIGKILL);
  return now_ns;
}

std::uint64_t ScenarioDaemon::AwaitEof() {
  char byte;
  while (read(life_.get(), &byte, 1) > 0) {
  }
  return Clock::System().MonotonicNs();
}

pid_t ScenarioDaemon::FindGuardian() {
  const pid_t pid = std::atoi(Ask("guardian").c_str());
  if (pid > 0) guardian_.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  return pid;
}

void ScenarioDaemon::KillGuardian() {
  syscall(SYS_pidfd_send_signal, guardian_.get(), SIGKILL, nullptr, 0);
}

bool ScenarioDaemon::GuardianEnds() {
  if (!guardian_.valid()) return true;
  pollfd event{guardian_.get(), POLLIN, 0};
  return poll(&event, 1, 10000) == 1;
}

std::string ScenarioDaemon::ReadLine() {
  std::string line;
  for (char byte; read(answers_.get(), &byte, 1) == 1 && byte != '\n';) line += byte;
  return line;
}

}  // namespace stillframe::testing
