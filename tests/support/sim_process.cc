#include "support/sim_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>

#include "base/status.h"

namespace stillframe {
namespace {

// Generous: a reboot clears and refills RAM, sanitizers and loaded machines slow it down.
constexpr std::chrono::seconds kPatience{30};

}  // namespace

absl::StatusOr<std::unique_ptr<SimProcess>> SimProcess::Start(
    const std::string& directory, const std::string& name,
    const std::vector<std::string>& arguments) {
  std::unique_ptr<SimProcess> process(new SimProcess);
  process->name_ = name;
  process->socket_path_ = fmt::format("{}/{}{}", directory, name, sim::kSocketSuffix);

  std::vector<std::string> words = {
      STILLFRAME_SIMGUEST, "--die-with-parent", "--directory", directory, "--name", name};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "create pipe");
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
  const int error =
      posix_spawn(&process->pid_, STILLFRAME_SIMGUEST, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    process->pid_ = -1;
    return ErrnoStatus(error, "start " STILLFRAME_SIMGUEST);
  }
  write_end.reset();
  SF_RETURN_IF_ERROR(process->AwaitReady(read_end.get()));
  SF_RETURN_IF_ERROR(process->Connect());
  return process;
}

SimProcess::~SimProcess() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  unlink(socket_path_.c_str());
}

absl::Status SimProcess::AwaitReady(int ready_fd) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::string line;
  while (line.find('\n') == std::string::npos) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{ready_fd, POLLIN, 0};
    if (left.count() <= 0 || poll(&waiting, 1, static_cast<int>(left.count())) == 0) {
      return absl::DeadlineExceededError("start simguest: it did not become ready");
    }
    std::array<char, 256> chunk;
    const ssize_t bytes = read(ready_fd, chunk.data(), chunk.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0) return absl::InternalError("start simguest: it ended; see its stderr");
    line.append(chunk.data(), static_cast<std::size_t>(bytes));
  }
  const std::size_t at = line.find(" id=");
  const std::optional<Uuid> id =
      at == std::string::npos ? std::nullopt : Uuid::Parse(line.substr(at + 4, 36));
  if (!id.has_value()) return absl::InternalError("start simguest: it printed " + line);
  id_ = *id;
  return absl::OkStatus();
}

absl::Status SimProcess::Connect() {
  SF_ASSIGN_OR_RETURN(sim::SimConnection connection, sim::SimConnection::Connect(socket_path_));
  connection_ = std::make_unique<sim::SimConnection>(std::move(connection));
  sim::Request request;
  request.command = sim::Command::kAttach;
  sim::AttachReply reply;
  std::array<UniqueFd, 3> fds;
  SF_RETURN_IF_ERROR(connection_->CallFor(request, reply, fds, kPatience));
  SF_ASSIGN_OR_RETURN(status_,
                      Mapping::Shared(fds[2].get(), 0, sizeof(sim::StatusPage), Access::kReadOnly));
  return absl::OkStatus();
}

const sim::StatusPage& SimProcess::status() const {
  return *reinterpret_cast<const sim::StatusPage*>(status_.data());
}

absl::Status SimProcess::Command(sim::Command command, GfnRange range) {
  sim::Request request;
  request.command = command;
  request.first = range.first.value;
  request.pages = range.pages;
  return connection_->Call(request, {}, {}, kPatience);
}

absl::Status SimProcess::Die() {
  const absl::Status answered = Command(sim::Command::kDie, {});
  if (!absl::IsNotFound(answered)) return Annotate(answered, "end simguest");
  // WNOWAIT: the destructor reaps, so that nobody else can get this pid meanwhile.
  siginfo_t info;
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0) {
    if (errno != EINTR) return ErrnoStatus(errno, "wait for simguest");
  }
  return absl::OkStatus();
}

}  // namespace stillframe
