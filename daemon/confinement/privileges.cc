#include "confinement/privileges.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <memory>
#include <string_view>

#include "base/status.h"

namespace stillframe {
namespace {

constexpr CapabilitySet Bit(unsigned long capability) { return CapabilitySet{1} << capability; }

// Of every backend together, as the unit's CapabilityBoundingSet= says.
constexpr CapabilitySet kNeededEver =
    Bit(CAP_SYS_PTRACE) | Bit(CAP_DAC_OVERRIDE) | Bit(CAP_SYS_RESOURCE);

constexpr std::array<std::string_view, 41> kNames = {"CHOWN",
                                                     "DAC_OVERRIDE",
                                                     "DAC_READ_SEARCH",
                                                     "FOWNER",
                                                     "FSETID",
                                                     "KILL",
                                                     "SETGID",
                                                     "SETUID",
                                                     "SETPCAP",
                                                     "LINUX_IMMUTABLE",
                                                     "NET_BIND_SERVICE",
                                                     "NET_BROADCAST",
                                                     "NET_ADMIN",
                                                     "NET_RAW",
                                                     "IPC_LOCK",
                                                     "IPC_OWNER",
                                                     "SYS_MODULE",
                                                     "SYS_RAWIO",
                                                     "SYS_CHROOT",
                                                     "SYS_PTRACE",
                                                     "SYS_PACCT",
                                                     "SYS_ADMIN",
                                                     "SYS_BOOT",
                                                     "SYS_NICE",
                                                     "SYS_RESOURCE",
                                                     "SYS_TIME",
                                                     "SYS_TTY_CONFIG",
                                                     "MKNOD",
                                                     "LEASE",
                                                     "AUDIT_WRITE",
                                                     "AUDIT_CONTROL",
                                                     "SETFCAP",
                                                     "MAC_OVERRIDE",
                                                     "MAC_ADMIN",
                                                     "SYSLOG",
                                                     "WAKE_ALARM",
                                                     "BLOCK_SUSPEND",
                                                     "AUDIT_READ",
                                                     "PERFMON",
                                                     "BPF",
                                                     "CHECKPOINT_RESTORE"};

// Devices through which guests or the host's memory can be had (mem(4), xenfs, kvm).
constexpr std::array<const char*, 11> kDevices = {
    "/dev/kvm",        "/dev/xen/privcmd", "/dev/xen/hypercall", "/dev/xen/xenbus",
    "/dev/xen/evtchn", "/dev/xen/gntdev",  "/dev/xen/gntalloc",  "/dev/mem",
    "/dev/port",       "/dev/vhost-net",   "/dev/userfaultfd"};
constexpr std::array<const char*, 3> kSystemFolders = {"/", "/etc", "/usr"};

bool MayOpen(const char* path, int mode) {
  return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}

// Memory devices such as /dev/null, and terminals (Documentation/admin-guide/devices.txt).
bool IsHarmless(dev_t device) {
  const unsigned kind = major(device);
  const unsigned number = minor(device);
  const bool memory = kind == 1 && (number == 3 || number == 5 || (number >= 7 && number <= 9));
  return memory || kind == 4 || kind == 5 || (kind >= 136 && kind <= 143);
}

absl::Status NoteOpenDevices(std::vector<std::string>& excess) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir("/proc/self/fd"), &closedir);
  if (entries == nullptr) return ErrnoStatus(errno, "list /proc/self/fd");
  while (const dirent* entry = readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    int fd = -1;
    struct stat about {};
    if (std::from_chars(name.data(), name.data() + name.size(), fd).ec != std::errc() ||
        fstat(fd, &about) != 0 || !(S_ISCHR(about.st_mode) || S_ISBLK(about.st_mode)) ||
        IsHarmless(about.st_rdev)) {
      continue;
    }
    excess.push_back(fmt::format("its descriptor {} is open on the device {}:{}", fd,
                                 major(about.st_rdev), minor(about.st_rdev)));
  }
  return absl::OkStatus();
}

absl::Status SetCapabilities(CapabilitySet keep) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i].permitted = data[i].effective = static_cast<std::uint32_t>(keep >> (32 * i));
  }
  if (syscall(SYS_capset, &header, data.data()) != 0) return ErrnoStatus(errno, "capset");
  return absl::OkStatus();
}

// As far as this process may: what is not in the permitted set comes from nowhere with
// no_new_privs.
void NarrowBoundingSet(CapabilitySet keep) {
  for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    if ((keep & Bit(capability)) == 0) prctl(PR_CAPBSET_DROP, capability);
  }
}

// Raises what the guardian needs, as the unit's LimitRTPRIO= and LimitMEMLOCK= do. The capabilities
// that it needs instead where that is not permitted.
CapabilitySet RaiseGuardianLimits() {
  CapabilitySet instead = 0;
  const rlimit priority{1, 1};
  if (setrlimit(RLIMIT_RTPRIO, &priority) != 0) instead |= Bit(CAP_SYS_NICE);
  const rlimit memory{RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_MEMLOCK, &memory) != 0) instead |= Bit(CAP_IPC_LOCK);
  return instead;
}

// An owner may give a file to a group that he is a member of, which needs no capability.
void JoinOnly(const std::string& group) {
  struct group entry {};
  struct group* found = nullptr;
  std::vector<char> buffer(std::size_t{64} << 10);
  if (group.empty() ||
      getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    setgroups(0, nullptr);
  } else {
    setgroups(1, &entry.gr_gid);
  }
}

}  // namespace

std::string NamesOf(CapabilitySet capabilities) {
  std::string names;
  for (unsigned capability = 0; capability < 64; ++capability) {
    if ((capabilities & Bit(capability)) == 0) continue;
    if (!names.empty()) names += ", ";
    names += capability < kNames.size() ? fmt::format("CAP_{}", kNames[capability])
                                        : fmt::to_string(capability);
  }
  return names.empty() ? "none" : names;
}

absl::StatusOr<CapabilitySet> HeldCapabilities() {
  std::ifstream status("/proc/self/status");
  CapabilitySet held = 0;
  int seen = 0;
  for (std::string line; std::getline(status, line);) {
    const std::string_view text = line;
    if (!text.starts_with("CapInh:") && !text.starts_with("CapPrm:") &&
        !text.starts_with("CapAmb:")) {
      continue;
    }
    CapabilitySet set = 0;
    const std::string_view digits = text.substr(text.find('\t') + 1);
    if (std::from_chars(digits.data(), digits.data() + digits.size(), set, 16).ec != std::errc()) {
      break;
    }
    held |= set;
    ++seen;
  }
  if (seen == 3) return held;
  return absl::InternalError("read the capabilities in /proc/self/status: they are not there");
}

absl::StatusOr<std::vector<std::string>> ExcessOfGateway() {
  std::vector<std::string> excess;
  if (getuid() == 0 || geteuid() == 0) excess.emplace_back("its user is root");
  SF_ASSIGN_OR_RETURN(const CapabilitySet held, HeldCapabilities());
  if (held != 0) excess.push_back(fmt::format("it has capabilities: {}", NamesOf(held)));
  SF_RETURN_IF_ERROR(NoteOpenDevices(excess));
  // Of root and with capabilities nothing else could be said.
  if (!excess.empty()) return excess;
  for (const char* const device : kDevices) {
    if (MayOpen(device, R_OK) || MayOpen(device, W_OK)) {
      excess.push_back(fmt::format("it may open {}", device));
    }
  }
  for (const char* const folder : kSystemFolders) {
    if (MayOpen(folder, W_OK)) excess.push_back(fmt::format("it may write to {}", folder));
  }
  return excess;
}

CapabilitySet NeededByStillframed(const BackendsInUse& backends) {
  CapabilitySet needed = Bit(CAP_SYS_RESOURCE);
  if (backends.qemu) needed |= Bit(CAP_SYS_PTRACE);
  if (backends.qemu || backends.xen) needed |= Bit(CAP_DAC_OVERRIDE);
  return needed;
}

absl::Status GiveUpAllBut(CapabilitySet keep, const std::string& group) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "set no_new_privs");
  SF_ASSIGN_OR_RETURN(const CapabilitySet held, HeldCapabilities());
  if (held == 0) return absl::OkStatus();
  keep |= RaiseGuardianLimits();
  if ((held & Bit(CAP_SETGID)) != 0) JoinOnly(group);
  if ((held & Bit(CAP_SETPCAP)) != 0) NarrowBoundingSet(keep);
  const CapabilitySet excess = held & ~keep;
  const absl::Status set = SetCapabilities(held & keep);
  // A unit's own filter may forbid capset.
  if (set.ok() || (excess & ~kNeededEver) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("it has more capabilities than it needs, {}, and cannot give them up: {}",
                  NamesOf(excess & ~kNeededEver), MessageOf(set)));
}

absl::Status HideFromPeers() {
  if (prctl(PR_SET_DUMPABLE, 0) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "hide from other processes of this user");
}

}  // namespace stillframe
