#include "in_dom0/lab_guest.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "base/status.h"
#include "support/eventually.h"

namespace stillframe {
namespace {

constexpr std::chrono::seconds kBootTimeout{100};
constexpr std::chrono::seconds kAnswerTimeout{30};

std::string WithoutNewline(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string LastLine(const std::string& text) {
  const std::string line = WithoutNewline(text);
  return line.substr(line.rfind('\n') + 1);
}

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace

absl::StatusOr<std::string> Shell(const std::string& command) {
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) return ErrnoStatus(errno, "start a shell");
  std::string output;
  char buffer[4096];
  for (std::size_t got; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    output.append(buffer, got);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return output;
  return absl::InternalError(fmt::format("'{}' ended with {}: {}", command, status, output));
}

absl::StatusOr<std::unique_ptr<LabGuest>> LabGuest::Create(const std::string& name) {
  SF_ASSIGN_OR_RETURN(const std::string told, Shell("create_guest " + name));
  const std::string domid = LastLine(told);
  if (const std::string trouble = WithoutNewline(told); trouble != domid) {
    fmt::print(stderr, "{}\n", trouble);
  }
  SF_ASSIGN_OR_RETURN(const std::string vm,
                      Shell(fmt::format("xenstore-read /local/domain/{}/vm", domid)));
  const std::optional<Uuid> id = Uuid::Parse(WithoutNewline(vm.substr(vm.rfind('/') + 1)));
  if (!id) return absl::InternalError("xenstore's UUID of the guest makes no sense: " + vm);
  return std::unique_ptr<LabGuest>(
      new LabGuest(name, static_cast<std::uint32_t>(std::stoul(domid)), *id));
}

LabGuest::~LabGuest() { static_cast<void>(Shell("xl destroy " + name_)); }

absl::StatusOr<RunState> LabGuest::State() const {
  // NAME ID MEM VCPUS r-b-p-s-c-d TIME; a dying domain has no state that counts.
  const auto listed = Shell(fmt::format("xl list {} | awk 'NR == 2 {{ print $5 }}'", name_));
  const std::string flags = listed.ok() ? WithoutNewline(*listed) : "";
  if (flags.size() != 6 || flags[5] == 'd') {
    return absl::NotFoundError(fmt::format("xl list shows no domain {}", name_));
  }
  if (flags[4] == 'c') return RunState::kCrashed;
  if (flags[3] == 's') return RunState::kShutDown;
  return flags[2] == 'p' ? RunState::kPaused : RunState::kRunning;
}

absl::Status LabGuest::Pause() const { return Shell("xl pause " + name_).status(); }
absl::Status LabGuest::Unpause() const { return Shell("xl unpause " + name_).status(); }

absl::Status LabGuest::Destroy() { return Shell("xl destroy " + name_).status(); }

absl::Status LabGuest::Reboot() {
  const int boots = Count(Console(), "READY");
  const std::uint32_t before = domid_;
  const bool has_system = name_ == "pv" || name_ == "pvh";
  SF_RETURN_IF_ERROR(has_system ? Shell("xl reboot " + name_).status() : Type('r'));
  const bool rebooted = Eventually(
      [&] {
        const auto now = Shell("xl domid " + name_);
        if (!now.ok()) return false;
        domid_ = static_cast<std::uint32_t>(std::stoul(*now));
        return domid_ != before;
      },
      kBootTimeout);
  if (rebooted && AwaitConsole("READY", boots + 1)) return absl::OkStatus();
  return absl::DeadlineExceededError(fmt::format("guest {} did not reboot", name_));
}

absl::Status LabGuest::Type(char key) const {
  return Shell(fmt::format("echo {} >$(xenstore-read /local/domain/{}/console/tty)", key, domid_))
      .status();
}

absl::StatusOr<std::uint64_t> LabGuest::Ask(char key, const std::string& answer) const {
  const int answers = Count(Console(), answer);
  SF_RETURN_IF_ERROR(Type(key));
  if (!AwaitConsole(answer, answers + 1)) {
    return absl::DeadlineExceededError(fmt::format("guest {} did not say {}", name_, answer));
  }
  const std::string console = Console();
  return std::stoull(console.substr(console.rfind(answer) + answer.size()));
}

std::string LabGuest::Console() const {
  std::ifstream file(fmt::format("/var/log/xen/guest-{}.log", name_));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A whole line of it, so that what follows `text` can be read.
bool LabGuest::AwaitConsole(const std::string& text, int times) const {
  return Eventually(
      [&] {
        const std::string console = Console();
        return Count(console, text) >= times &&
               console.find('\n', console.rfind(text)) != std::string::npos;
      },
      text == "READY" ? kBootTimeout : kAnswerTimeout);
}

std::string LabGuest::Truth(const std::string& key) const {
  const std::string console = Console();
  const std::string prefix = "TRUTH " + key + " ";
  const std::size_t at = console.rfind(prefix);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + prefix.size();
  return console.substr(begin, console.find_first_of("\r\n", begin) - begin);
}

std::uint64_t LabGuest::TruthAddress(const std::string& key) const {
  return std::strtoull(Truth(key).c_str(), nullptr, 16);
}

int ZombieDomains() {
  const auto listed = Shell("xl list | awk 'NR > 1 && $5 ~ /d/' | wc -l");
  return listed.ok() ? std::stoi(*listed) : -1;
}

}  // namespace stillframe
