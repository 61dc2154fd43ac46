#include "confinement/filters.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "confinement/syscall_filter.h"

namespace stillframe {
namespace {

// prctl's option and ioctl's request are 32 bits wide, and the kernel looks at no more.
constexpr std::uint64_t kInt = 0xffff'ffff;

constexpr std::uint64_t kNewNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                         CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

// An ioctl's kind is the second byte of its request (ioctl(2)).
constexpr SyscallFilter::Condition IoctlsOf(std::uint64_t kind) { return {1, 0xff00, kind << 8}; }

void AllowMemory(SyscallFilter& filter) {
  filter.Allow({"brk", "munmap", "mremap", "madvise", "mincore", "membarrier"});
  // Never writable and executable at once; and what was written is never made executable.
  constexpr std::uint64_t kWriteExecute = PROT_WRITE | PROT_EXEC;
  for (const std::uint64_t protection : {PROT_NONE, PROT_WRITE, PROT_EXEC}) {
    filter.AllowIf("mmap", {{2, kWriteExecute, protection}});
  }
  filter.AllowIf("mprotect", {{2, PROT_EXEC, 0}});
}

void AllowThreadsAndTime(SyscallFilter& filter) {
  filter.Allow(
      {"futex",      "set_robust_list", "get_robust_list", "rseq",         "exit",
       "exit_group", "restart_syscall", "pause",           "sched_yield",  "sched_getaffinity",
       "gettid",     "getpid",          "getppid",         "getuid",       "geteuid",
       "getgid",     "getegid",         "clock_gettime",   "clock_getres", "clock_nanosleep",
       "nanosleep",  "gettimeofday",    "getrandom",       "getrusage",    "sysinfo",
       "uname"});
  filter.Allow({"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack",
                "tgkill"});
  for (const std::uint64_t option :
       {PR_SET_NAME, PR_GET_NAME, PR_CAPBSET_READ, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP}) {
    filter.AllowIf("prctl", {{0, kInt, option}});
  }
  // The strict mode is what libseccomp asks the kernel for, in vain, to learn of the call.
  for (const std::uint64_t operation :
       {SECCOMP_SET_MODE_STRICT, SECCOMP_SET_MODE_FILTER, SECCOMP_GET_ACTION_AVAIL}) {
    filter.AllowIf("seccomp", {{0, kInt, operation}});
  }
  // Its flags lie in memory, where no filter can look; libc falls back to clone.
  filter.PretendMissing("clone3");
}

void AllowFiles(SyscallFilter& filter) {
  filter.Allow({"read",   "readv",     "pread64",    "write",    "writev",     "pwrite64",
                "close",  "fcntl",     "lseek",      "fstat",    "newfstatat", "statx",
                "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64",
                "poll",   "ppoll",     "eventfd2"});
  filter.AllowIf("ioctl", {{1, kInt, TCGETS}});
}

// Files that exist. What parses no configuration any more makes none.
void AllowOpening(SyscallFilter& filter) { filter.AllowIf("openat", {{2, O_CREAT | O_TRUNC, 0}}); }

void AllowSockets(SyscallFilter& filter) {
  filter.Allow({"connect", "getsockopt", "setsockopt", "getsockname", "getpeername", "shutdown",
                "sendmsg", "sendto", "recvmsg", "recvfrom"});
  filter.AllowIf("socket", {{0, kInt, AF_UNIX}});
}

// What the guardian does from its first instruction to its own filter.
void AllowGuardianStart(SyscallFilter& filter) {
  filter.AllowIf("clone", {{0, kNewNamespaces, 0}});
  filter.Allow({"vfork", "execve", "dup2", "dup3", "close_range", "setsid", "arch_prctl",
                "set_tid_address", "mlockall", "sched_setscheduler", "setpriority", "getpriority",
                "prlimit64", "waitid", "wait4", "pidfd_open", "pidfd_send_signal"});
  filter.AllowIf("socketpair", {{0, kInt, AF_UNIX}});
}

void AllowBackends(SyscallFilter& filter) {
  filter.Allow({"memfd_create", "ftruncate", "fallocate", "mlock", "munlock", "pidfd_open",
                "pidfd_getfd", "userfaultfd", "flock"});
  constexpr std::uint64_t kPagemapScan = 0xc060'6610;  // linux/fs.h, 6.7
  filter.AllowIf("ioctl", {{1, kInt, kPagemapScan}});
  filter.AllowIf("ioctl", {IoctlsOf(0xaa)});  // userfaultfd
  filter.AllowIf("ioctl", {IoctlsOf('P')});   // Xen's privcmd
  filter.AllowIf("ioctl", {IoctlsOf('E')});   // Xen's event channels
}

// None of them is made by any of our programs.
// clang-format off
constexpr std::initializer_list<const char*> kIntruders = {
    "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "mount",
    "umount2", "move_mount", "open_tree", "fsopen", "pivot_root", "chroot", "unshare", "setns",
    "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "bpf",
    "perf_event_open", "io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl",
    "add_key", "request_key", "open_by_handle_at", "kcmp", "personality", "setuid", "setgid",
    "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "iopl", "ioperm", "swapon",
    "reboot", "mknod", "mknodat", "acct", "quotactl", "syslog", "settimeofday"};
// clang-format on

}  // namespace

absl::Status FilterStillframed(FilterMode mode) {
  SyscallFilter filter(mode);
  AllowMemory(filter);
  AllowThreadsAndTime(filter);
  AllowFiles(filter);
  AllowOpening(filter);
  AllowSockets(filter);
  AllowGuardianStart(filter);
  AllowBackends(filter);
  filter.Allow({"accept4", "unlink"});
  filter.KillOn(kIntruders);
  return filter.Load();
}

absl::Status FilterGuardian(FilterMode mode) {
  SyscallFilter filter(mode);
  AllowMemory(filter);
  AllowThreadsAndTime(filter);
  AllowFiles(filter);
  AllowOpening(filter);
  AllowSockets(filter);
  filter.Allow({"pidfd_open", "mlock", "munlock"});
  filter.AllowIf("ioctl", {IoctlsOf('P')});
  filter.AllowIf("ioctl", {IoctlsOf('E')});
  return filter.Load();
}

// Also what it opens its sockets with: it is filtered before.
absl::Status FilterGateway(FilterMode mode) {
  SyscallFilter filter(mode);
  AllowMemory(filter);
  AllowThreadsAndTime(filter);
  AllowFiles(filter);
  AllowSockets(filter);
  filter.AllowIf("socket", {{0, kInt, AF_INET}});
  filter.AllowIf("socket", {{0, kInt, AF_INET6}});
  filter.AllowIf("clone", {{0, kNewNamespaces | CLONE_THREAD, CLONE_THREAD}});
  filter.Allow({"bind", "listen", "umask", "chmod", "fchmodat", "chown", "fchownat"});
  // gRPC's pollers and its sockets' end, files that are watched, the journal and log files.
  filter.Allow({"accept4", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
                "sched_getparam", "sched_getscheduler", "unlink", "inotify_init1",
                "inotify_add_watch", "inotify_rm_watch", "memfd_create", "openat", "fsync",
                "fdatasync"});
  filter.AllowIf("ioctl", {{1, kInt, FIONREAD}});
  filter.AllowIf("ioctl", {{1, kInt, FIONBIO}});
  filter.AllowIf("prlimit64", {{2, ~std::uint64_t{0}, 0}});  // asking, not setting
  filter.KillOn(kIntruders);
  filter.KillOn({"execve", "vfork", "fork", "pidfd_getfd", "userfaultfd", "setsid", "mlockall"});
  return filter.Load();
}

FilterMode FilterModeOf(std::string_view name) {
  if (name == NameOf(FilterMode::kLog)) return FilterMode::kLog;
  return name == NameOf(FilterMode::kOff) ? FilterMode::kOff : FilterMode::kEnforce;
}

const char* Describe(FilterMode mode) {
  if (!CanFilterSystemCalls()) return "system calls are not filtered: an instrumented build";
  switch (mode) {
    case FilterMode::kEnforce:
      return "system calls are filtered";
    case FilterMode::kLog:
      return "system calls that would be refused are logged by the kernel, not refused";
    case FilterMode::kOff:
      return "system calls are not filtered: syscall_filter is off";
  }
  return "";
}

}  // namespace stillframe
