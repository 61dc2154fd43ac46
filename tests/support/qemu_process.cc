#include "support/qemu_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "base/status.h"
#include "nlohmann/json.hpp"
#include "support/eventually.h"

namespace stillframe {
namespace {

constexpr char kQemu[] = "/usr/bin/qemu-system-x86_64";
constexpr std::chrono::seconds kStartTimeout{20};
constexpr std::chrono::seconds kBootTimeout{180};
constexpr std::chrono::milliseconds kQueryTimeout{5000};

// Emulation runs everywhere. A machine's KVM may pass every probe and still kill the guest at its
// first MSR (nested virtualization), so it is used only where somebody vouches for it.
std::string Accelerator() {
  const char* wanted = std::getenv("STILLFRAME_TEST_QEMU_ACCEL");
  return wanted == nullptr ? "tcg" : wanted;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> Arguments(const QemuSetup& setup, const std::string& directory,
                                   const std::string& guest) {
  std::vector<std::string> arguments = {
      kQemu,
      "-nodefaults",
      "-no-user-config",
      "-display",
      "none",
      "-m",
      fmt::format("{}M", setup.memory_mib),
      "-smp",
      std::to_string(setup.vcpus),
      "-cpu",
      setup.cpu,
      "-serial",
      fmt::format("file:{}/serial", directory),
      "-qmp",
      fmt::format("unix:{}/guest.qmp,server=on,wait=off", directory),
      "-qmp",
      fmt::format("unix:{}/observer.sock,server=on,wait=off", directory)};
  const auto add = [&](std::initializer_list<std::string> more) {
    arguments.insert(arguments.end(), more);
  };
  add({"-accel", Accelerator()});
  std::string machine = setup.machine;
  const std::string size = fmt::format("id=ram,size={}M,share=on", setup.memory_mib);
  if (setup.backing == QemuBacking::kMemfd) {
    add({"-object", "memory-backend-memfd," + size});
  } else if (setup.backing != QemuBacking::kAnonymous) {
    add({"-object", fmt::format("memory-backend-file,{},mem-path={}/ram", size, directory)});
  }
  if (setup.backing != QemuBacking::kAnonymous) machine += ",memory-backend=ram";
  add({"-machine", machine});
  if (setup.kernel) {
    add({"-kernel", guest + "/vmlinuz", "-initrd", guest + "/initrd.img", "-append",
         fmt::format("console=ttyS0 panic=-1 quiet stillframe.torn_mib={}", setup.torn_mib)});
  } else {
    add({"-S"});
  }
  arguments.insert(arguments.end(), setup.extra.begin(), setup.extra.end());
  return arguments;
}

// Between fork and exec: only calls that are safe there.
[[noreturn]] void BecomeQemu(const std::vector<char*>& argv, const std::vector<char*>& environment,
                             const char* log, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  const int output = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int input = open("/dev/null", O_RDONLY);
  dup2(input, 0);
  dup2(output, 1);
  dup2(output, 2);
  execve(argv[0], argv.data(), environment.data());
  _exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<QemuProcess>> QemuProcess::Start(const QemuSetup& setup) {
  const std::string guest = STILLFRAME_QEMU_GUEST_DIRECTORY;
  if (access(kQemu, X_OK) != 0) {
    return absl::UnimplementedError(fmt::format("no {}: install qemu-system-x86", kQemu));
  }
  if (setup.kernel && (access((guest + "/vmlinuz").c_str(), R_OK) != 0 ||
                       access((guest + "/initrd.img").c_str(), R_OK) != 0)) {
    return absl::UnimplementedError(
        fmt::format("no test guest in {}: build the target qemu_test_guest", guest));
  }
  std::string directory = (std::filesystem::temp_directory_path() / "sf-qemu-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) return ErrnoStatus(errno, "make " + directory);
  std::unique_ptr<QemuProcess> qemu(new QemuProcess);
  qemu->directory_ = directory;
  qemu->qmp_path_ = directory + "/guest.qmp";

  std::vector<std::string> arguments = Arguments(setup, directory, guest);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::string preload = "LD_PRELOAD=" STILLFRAME_QEMU_SHIM;
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable)
    environment.push_back(*variable);
  if (setup.dirty_log) environment.push_back(preload.data());
  environment.push_back(nullptr);
  const std::string log = directory + "/log";
  const pid_t parent = getpid();
  qemu->pid_ = fork();
  if (qemu->pid_ == 0) BecomeQemu(argv, environment, log.c_str(), parent);
  if (qemu->pid_ < 0) return ErrnoStatus(errno, "fork for QEMU");

  bool exited = false;
  const bool connected = Eventually(
      [&] {
        auto observer = QmpConnection::Connect(directory + "/observer.sock");
        if (observer.ok() && (*observer)->Negotiate(kQueryTimeout).ok()) {
          qemu->observer_ = *std::move(observer);
          return true;
        }
        exited = waitpid(qemu->pid_, nullptr, WNOHANG) == qemu->pid_;
        if (exited) qemu->pid_ = -1;
        return exited;
      },
      kStartTimeout);
  if (!connected || exited) {
    return absl::InternalError(fmt::format("QEMU does not start: {}", ReadFile(log)));
  }
  if (setup.backing == QemuBacking::kUnlinkedFile) unlink((directory + "/ram").c_str());
  return qemu;
}

QemuProcess::~QemuProcess() {
  Kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void QemuProcess::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string QemuProcess::SerialText() const { return ReadFile(directory_ + "/serial"); }

absl::Status QemuProcess::WaitReady(int boots) {
  std::string text;
  const bool ready = Eventually(
      [&] {
        text = SerialText();
        int seen = 0;
        for (std::size_t at = text.find("READY"); at != std::string::npos;
             at = text.find("READY", at + 1)) {
          ++seen;
        }
        return seen >= boots;
      },
      kBootTimeout);
  if (!ready) {
    return absl::DeadlineExceededError(
        fmt::format("the guest does not boot: {}",
                    text.substr(text.size() - std::min<std::size_t>(text.size(), 500))));
  }
  truths_.clear();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.starts_with("TRUTH ")) continue;
    const std::size_t space = line.find(' ', 6);
    if (space != std::string::npos) truths_[line.substr(6, space - 6)] = line.substr(space + 1);
  }
  return absl::OkStatus();
}

std::string QemuProcess::Truth(const std::string& key) const {
  const auto found = truths_.find(key);
  return found == truths_.end() ? "" : found->second;
}

std::uint64_t QemuProcess::TruthAddress(const std::string& key) const {
  return std::strtoull(Truth(key).c_str(), nullptr, 16);
}

absl::StatusOr<std::string> QemuProcess::ObservedStatus() {
  auto reply = observer_->Execute("query-status", nullptr, kQueryTimeout);
  SF_RETURN_IF_ERROR(reply.status());
  return reply->is_object() && reply->contains("status") ? (*reply)["status"].get<std::string>()
                                                         : std::string();
}

}  // namespace stillframe
