// What an intruder in the gateway could try, with the gateway's account and descriptors.
// Says of each attempt what came of it.
//   stillframe-intruder GUEST SOCKET LEDGER DAEMON_PID GUARDIAN_PID GUEST_SOCKET DEVICE...
// Exit status 0: all was refused; 1: something succeeded; 2: what a reader may do failed.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/units.h"
#include "local/channel.h"
#include "local/connect.h"

namespace stillframe {
namespace {

constexpr std::chrono::seconds kPatience{20};

class Tally {
 public:
  // `succeeded` was evaluated just before, so errno is of the attempt.
  void Note(const std::string& attempt, bool succeeded) {
    const int error = errno;
    fmt::print("{:<70} {}\n", attempt, succeeded ? "SUCCEEDED" : strerror(error));
    if (succeeded) ++successes_;
    ++attempts_;
  }
  int attempts() const { return attempts_; }
  int successes() const { return successes_; }

 private:
  int attempts_ = 0;
  int successes_ = 0;
};

bool CanWriteThrough(int fd) {
  const char byte = 'x';
  if (pwrite(fd, &byte, 1, 0) == 1) return true;
  void* const at = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return at != MAP_FAILED;
}

bool CanMakeWritable(int fd) {
  void* const at = mmap(nullptr, kPageBytes, PROT_READ, MAP_SHARED, fd, 0);
  return at != MAP_FAILED && mprotect(at, kPageBytes, PROT_READ | PROT_WRITE) == 0;
}

bool CanResize(int fd) {
  struct stat about {};
  if (fstat(fd, &about) != 0) return false;
  return ftruncate(fd, about.st_size + 4096) == 0 || ftruncate(fd, about.st_size - 4096) == 0 ||
         ftruncate(fd, 0) == 0 || fallocate(fd, 0, about.st_size, 4096) == 0;
}

bool CanPunch(int fd) {
  return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0;
}

bool CanDiscard(int fd) {
  void* const at = mmap(nullptr, kPageBytes, PROT_READ, MAP_SHARED, fd, 0);
  return at != MAP_FAILED && madvise(at, kPageBytes, MADV_REMOVE) == 0;
}

void TryToChange(const std::string& what, int fd, Tally& tally) {
  tally.Note(what + ": write or map writable", CanWriteThrough(fd));
  tally.Note(what + ": mprotect a mapping to writable", CanMakeWritable(fd));
  tally.Note(what + ": grow or shrink", CanResize(fd));
  tally.Note(what + ": punch a hole", CanPunch(fd));
  tally.Note(what + ": discard a mapped page", CanDiscard(fd));
  tally.Note(what + ": add a seal",
             fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) == 0);
  // The kernel lets anybody open a memfd anew for writing whom its owner gave a descriptor.
  const UniqueFd anew(open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_RDWR | O_CLOEXEC));
  if (!anew.valid()) return tally.Note(what + ": open it anew for writing", false);
  tally.Note(what + ", opened anew: write or map writable", CanWriteThrough(anew.get()));
  tally.Note(what + ", opened anew: grow or shrink", CanResize(anew.get()));
  tally.Note(what + ", opened anew: punch a hole", CanPunch(anew.get()));
}

void TryProcess(const std::string& who, pid_t pid, Tally& tally) {
  const auto file = [pid](const char* name) { return fmt::format("/proc/{}/{}", pid, name); };
  tally.Note(who + ": open its memory", open(file("mem").c_str(), O_RDWR | O_CLOEXEC) >= 0);
  tally.Note(who + ": read its memory map", [&] {
    const UniqueFd maps(open(file("maps").c_str(), O_RDONLY | O_CLOEXEC));
    char byte = 0;
    return maps.valid() && read(maps.get(), &byte, 1) == 1;
  }());
  DIR* const descriptors = opendir(file("fd").c_str());
  tally.Note(who + ": list its descriptors", descriptors != nullptr);
  tally.Note(who + ": trace it", ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0);
  char byte = 0;
  const iovec here{&byte, 1};
  const iovec there{reinterpret_cast<void*>(0x400000), 1};
  tally.Note(who + ": write to its memory", process_vm_writev(pid, &here, 1, &there, 1, 0) == 1);
  tally.Note(who + ": read its memory", process_vm_readv(pid, &here, 1, &there, 1, 0) == 1);
  const UniqueFd handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  tally.Note(who + ": duplicate its descriptor 3",
             syscall(SYS_pidfd_getfd, handle.get(), 3, 0) >= 0);
  for (const int signal : {SIGSTOP, SIGTERM, SIGKILL}) {
    tally.Note(fmt::format("{}: send signal {}", who, signal), kill(pid, signal) == 0);
  }
  const rlimit none{0, 0};
  tally.Note(who + ": set its limits", prlimit(pid, RLIMIT_NOFILE, &none, nullptr) == 0);
  tally.Note(who + ": change its priority",
             setpriority(PRIO_PROCESS, static_cast<id_t>(pid), 19) == 0);
}

bool CanBind(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

void TryFiles(const std::string& socket, const std::string& ledger, Tally& tally) {
  tally.Note("ledger: open for reading", open(ledger.c_str(), O_RDONLY | O_CLOEXEC) >= 0);
  tally.Note("ledger: open for writing", open(ledger.c_str(), O_RDWR | O_CLOEXEC) >= 0);
  tally.Note("ledger: remove", unlink(ledger.c_str()) == 0);
  tally.Note("ledger: rename", rename(ledger.c_str(), (ledger + ".old").c_str()) == 0);
  tally.Note("the daemon's socket: remove", unlink(socket.c_str()) == 0);
  tally.Note("the daemon's socket: bind in its place", CanBind(socket));
  tally.Note("the daemon's socket: change its mode", chmod(socket.c_str(), 0777) == 0);
}

bool CanConnect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
    const UniqueFd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      return true;
    }
    if (errno != EPROTOTYPE) return false;
  }
  return false;
}

struct Granted {
  std::vector<std::pair<std::string, UniqueFd>> descriptors;
  std::unique_ptr<Channel> channel;
};

// What a reader may have: a pin's descriptors, and a capture.
absl::StatusOr<Granted> TakeWhatIsGranted(const std::string& guest, const std::string& socket) {
  Granted granted;
  SF_ASSIGN_OR_RETURN(UniqueFd connection, ConnectUnixSocket(socket));
  SF_ASSIGN_OR_RETURN(granted.channel, Channel::Start(std::move(connection), [] {}));
  const auto ask = [&](local::v1::Request request) {
    return granted.channel->Call(std::move(request), kPatience);
  };
  local::v1::Request hello;
  hello.mutable_hello()->set_protocol(1);
  SF_RETURN_IF_ERROR(ask(std::move(hello)).status());
  local::v1::Request capture;
  capture.mutable_capture()->set_guest(guest);
  SF_RETURN_IF_ERROR(ask(std::move(capture)).status());
  local::v1::Request pin;
  pin.mutable_pin_snapshot()->mutable_snapshot()->set_guest(guest);
  SF_ASSIGN_OR_RETURN(Channel::Incoming pinned, ask(std::move(pin)));
  if (pinned.descriptors.size() < 2) return absl::InternalError("a pin without descriptors");
  granted.descriptors.emplace_back("page map", std::move(pinned.descriptors[0]));
  granted.descriptors.emplace_back("control page", std::move(pinned.descriptors[1]));
  local::v1::Request segments;
  segments.mutable_get_segments()->set_pin(pinned.reply.pinned().pin());
  segments.mutable_get_segments()->set_count(pinned.reply.pinned().segment_count());
  SF_ASSIGN_OR_RETURN(Channel::Incoming arena, ask(std::move(segments)));
  for (UniqueFd& fd : arena.descriptors) granted.descriptors.emplace_back("arena", std::move(fd));
  if (granted.descriptors.size() < 3) return absl::InternalError("an arena without segments");
  for (const auto& [name, fd] : granted.descriptors) {
    if (mmap(nullptr, kPageBytes, PROT_READ, MAP_SHARED, fd.get(), 0) == MAP_FAILED) {
      return ErrnoStatus(errno, "read the " + name);
    }
  }
  return granted;
}

int Intrude(const std::vector<std::string>& words) {
  const std::string& socket = words[1];
  const absl::StatusOr<Granted> granted = TakeWhatIsGranted(words[0], socket);
  if (!granted.ok()) {
    fmt::print("what a reader may have: {}\n", MessageOf(granted.status()));
    return 2;
  }
  Tally tally;
  for (const auto& [name, fd] : granted->descriptors) TryToChange(name, fd.get(), tally);
  TryProcess("daemon", std::atoi(words[3].c_str()), tally);
  TryProcess("guardian", std::atoi(words[4].c_str()), tally);
  TryFiles(socket, words[2], tally);
  tally.Note("the guest's own control socket: connect", CanConnect(words[5]));
  for (std::size_t i = 6; i < words.size(); ++i) {
    tally.Note(words[i] + ": open", open(words[i].c_str(), O_RDONLY | O_CLOEXEC) >= 0 ||
                                        open(words[i].c_str(), O_RDWR | O_CLOEXEC) >= 0);
  }
  fmt::print("{} attempts, {} succeeded\n", tally.attempts(), tally.successes());
  return tally.successes() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace stillframe

int main(int argc, char** argv) {
  if (argc < 7) return 2;
  return stillframe::Intrude({argv + 1, argv + argc});
}
