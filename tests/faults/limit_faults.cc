#include "faults/limit_faults.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "base/status.h"
#include "faults/open_files.h"
#include "support/child_process.h"
#include "support/eventually.h"

namespace stillframe::faults {
namespace {

// What /proc/PID/status says of `key`, in bytes.
std::uint64_t StatusBytes(pid_t pid, const std::string& key) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string word; status >> word;) {
    std::uint64_t kib = 0;
    if (word == key && status >> kib) return kib << 10;
  }
  return 0;
}

// A soft limit of a running process while it is in scope.
class Limit {
 public:
  Limit(pid_t pid, __rlimit_resource resource, std::uint64_t value)
      : pid_(pid), resource_(resource) {
    set_ = prlimit(pid_, resource_, nullptr, &before_) == 0;
    const rlimit now{value, before_.rlim_max};
    set_ = set_ && prlimit(pid_, resource_, &now, nullptr) == 0;
  }
  ~Limit() {
    if (set_) prlimit(pid_, resource_, &before_, nullptr);
  }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

  bool set() const { return set_; }

 private:
  const pid_t pid_;
  const __rlimit_resource resource_;
  rlimit before_{};
  bool set_ = false;
};

// Everything that makes a daemon take more: a new guest, captures, pins, connections. Each may be
// refused; what must hold is judged afterwards.
void AskForMuch(Ward& ward) {
  constexpr int kEach = 12;
  const Stack& stack = ward.stack();
  std::vector<std::unique_ptr<Connection>> connections;
  std::vector<std::unique_ptr<SnapshotReader>> readers;
  for (int i = 0; i < kEach; ++i) {
    for (const std::string& target : {stack.gateway_target(), stack.local_target()}) {
      auto connection = Connection::Open(target);
      if (!connection.ok()) continue;
      static_cast<void>((*connection)->Capture("victim"));
      auto reader = (*connection)->OpenSnapshot(Select("victim"));
      if (!reader.ok()) continue;
      static_cast<void>((*reader)->ReadPages({}, EmptyRuns::kReport,
                                             [](const PageRun&) { return absl::OkStatus(); }));
      readers.push_back(*std::move(reader));
      connections.push_back(*std::move(connection));
    }
  }
  readers.clear();
}

enum class Whom { kDaemon, kGateway };

struct LimitFault {
  std::string kind;
  Whom whom;
  __rlimit_resource resource;
  std::string more_than;            // key of /proc/PID/status, or empty: descriptors
  std::vector<std::uint64_t> room;  // above what is taken already
  // Where the heap itself cannot grow the process may end; the guests may not stay behind.
  bool may_end = false;
};

std::vector<LimitFault> LimitFaults() {
  constexpr std::uint64_t kMib = 1 << 20;
  return {
      {"EMFILE in the daemon", Whom::kDaemon, RLIMIT_NOFILE, "", {0, 1, 2, 3, 5, 9}},
      {"EMFILE in the gateway", Whom::kGateway, RLIMIT_NOFILE, "", {0, 1, 2, 3, 5, 9}},
      {"ENOMEM in the daemon",
       Whom::kDaemon,
       RLIMIT_AS,
       "VmSize:",
       {0, kMib, 20 * kMib, 70 * kMib},
       true},
      {"ENOMEM in the gateway",
       Whom::kGateway,
       RLIMIT_AS,
       "VmSize:",
       {0, kMib, 20 * kMib, 70 * kMib},
       true},
      {"file too large in the daemon", Whom::kDaemon, RLIMIT_FSIZE, "", {0}},
  };
}

void StrikeLimit(Ward& ward, const LimitFault& fault, std::uint64_t room) {
  const ChildProcess& process =
      fault.whom == Whom::kDaemon ? ward.stack().daemon() : ward.stack().gateway();
  const std::string name = fmt::format("{}, room for {}", fault.kind, room);
  std::uint64_t value = room;
  if (!fault.more_than.empty()) {
    value += StatusBytes(process.pid(), fault.more_than);
  } else if (fault.resource == RLIMIT_NOFILE) {
    value += CountOpenFiles(process.pid());
  }
  ward.tally().AddFault(fault.kind);
  {
    const Limit limit(process.pid(), fault.resource, value);
    if (!limit.set()) ward.tally().AddOther(name + ": the limit could not be set");
    AskForMuch(ward);
  }
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(process.pid()), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
      info.si_pid == process.pid() && !fault.may_end) {
    ward.tally().AddOther(
        fmt::format("{}: it died of it (status {}): {}", name, info.si_status, process.Log()));
  }
  ward.Judge(name);
}

// A memory cgroup for the daemon; empty: there is none to be had.
std::filesystem::path MakeCgroup() {
  for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/memory"}) {
    std::error_code error;
    std::filesystem::path group =
        std::filesystem::path(root) / fmt::format("stillframe-faults-{}", getpid());
    if (!std::filesystem::create_directory(group, error) || error) continue;
    if (std::filesystem::exists(group / "memory.max", error) ||
        std::filesystem::exists(group / "memory.limit_in_bytes", error)) {
      return group;
    }
    std::filesystem::remove(group, error);
  }
  return {};
}

bool WriteTo(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file);
  out << text << std::flush;
  return out.good();
}

// The kernel kills the daemon for its memory: it is the largest of its group. The guardian, in the
// group too, or the next start lets the guests run.
void StrikeCgroup(Ward& ward) {
  const std::string kind = "memory cgroup's limit of the daemon";
  const std::filesystem::path group = MakeCgroup();
  if (group.empty()) {
    return ward.tally().AddSkipped(kind + ": no memory cgroup can be made here");
  }
  std::error_code error;
  const bool is_v2 = std::filesystem::exists(group / "memory.max", error);
  for (const std::uint64_t mib : {24u, 80u, 160u}) {
    const pid_t daemon = ward.stack().daemon().pid();
    if (!WriteTo(group / "cgroup.procs", std::to_string(daemon)) ||
        !WriteTo(group / (is_v2 ? "memory.max" : "memory.limit_in_bytes"),
                 std::to_string(mib << 20))) {
      ward.tally().AddSkipped(kind + ": it cannot be set");
      break;
    }
    ward.tally().AddFault(kind);
    // What it holds already is not counted in the group: a new guest's arena will be.
    if (const absl::Status replaced = ward.ReplaceVictim(); !replaced.ok()) {
      ward.tally().AddOther(kind + ": " + MessageOf(replaced));
    }
    AskForMuch(ward);
    WriteTo(group / (is_v2 ? "memory.max" : "memory.limit_in_bytes"), is_v2 ? "max" : "-1");
    ward.Judge(fmt::format("{}, {} MiB", kind, mib), Rescuer::kNextStart);
  }
  WriteTo(group.parent_path() / "cgroup.procs", std::to_string(ward.stack().daemon().pid()));
  Eventually([&] { return std::filesystem::remove(group, error); }, std::chrono::seconds(2));
}

}  // namespace

void SweepLimits(Ward& ward) {
  for (const LimitFault& fault : LimitFaults()) {
    for (const std::uint64_t room : fault.room) StrikeLimit(ward, fault, room);
  }
  StrikeCgroup(ward);
}

}  // namespace stillframe::faults
