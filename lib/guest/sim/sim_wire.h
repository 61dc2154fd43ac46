// The protocol between a simulated guest's process and whoever controls it.
//
// Unix SOCK_SEQPACKET at <directory>/<name>.sim; one request, one reply, both of fixed size per
// command. Either end validates all it receives. Values; thread rule: none.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <type_traits>

#include "base/uuid.h"

namespace stillframe::sim {

inline constexpr std::uint32_t kProtocol = 0x53465333;  // grows with every change of this header
inline constexpr char kSocketSuffix[] = ".sim";

inline constexpr std::uint32_t kVcpusMax = 64;
inline constexpr std::uint32_t kRegionsMax = 512;

enum class Command : std::uint32_t {
  kIdentify = 1,  // -> IdentifyReply
  kAttach = 2,    // -> AttachReply with descriptors: RAM (read-only), dirty bitmap, status page
  kStartLog = 3,  // -> StartLogReply; all RAM is dirty now, earlier owners lose the log
  kDescribe = 4,  // -> DescribeReply
  kPause = 5,     // -> PauseReply once all vCPUs are parked; the daemon's pause, not counted
  kResume = 6,    // -> ResumeReply; drops the daemon's pause only
  kVcpus = 7,     // -> VcpusReply; FAILED_PRECONDITION while the guest runs

  // -> a bare ReplyHeader with a descriptor: uint64 per guest page, sealed against every change.
  // FAILED_PRECONDITION: page tables name guest frames.
  kMachineFrames = 8,

  // What others than the daemon do. All answer with a bare ReplyHeader.
  kOperatorPause = 100,
  kOperatorResume = 101,
  kBalloonOut = 102,  // `first`, `pages`
  kBalloonIn = 103,   // `first`, `pages`
  kReboot = 104,
  kDie = 105,  // the process ends at once, its socket stays behind; no reply
};

struct Request {
  std::uint32_t protocol = kProtocol;
  Command command = Command::kIdentify;
  std::uint64_t serial = 0;  // echoed, so that a late reply is recognised
  Uuid guest;                // nil, or the guest that is meant: another one answers NOT_FOUND
  std::uint64_t first = 0;
  std::uint64_t pages = 0;
};

struct ReplyHeader {
  std::uint32_t protocol = kProtocol;
  Command command = Command::kIdentify;
  std::uint64_t serial = 0;
  std::int32_t code = 0;  // absl::StatusCode; only a bare header follows an error
  std::uint32_t body_bytes = 0;
  std::array<char, 128> message{};
};

struct IdentifyReply {
  Uuid id;
  std::array<char, 64> name{};
  std::uint32_t operator_paused = 0;
  std::uint32_t reserved = 0;
};

struct AttachReply {
  std::uint64_t ram_bytes = 0;
  std::uint64_t guest_pages = 0;  // bits in the dirty bitmap, indexed by gfn
  std::uint64_t has_machine_frames = 0;
};

struct StartLogReply {
  std::uint64_t log_owner = 0;
};

enum class WireRegion : std::uint32_t { kRam = 1, kBallooned = 2 };

struct Region {
  std::uint64_t first = 0;  // gfn
  std::uint64_t pages = 0;
  std::uint64_t ram_page = 0;  // where in the RAM file
  WireRegion kind = WireRegion::kRam;
  std::uint32_t reserved = 0;
};

struct DescribeReply {
  std::uint64_t boot = 0;
  std::uint64_t map_generation = 0;
  std::uint32_t vcpus = 0;
  std::uint32_t operator_paused = 0;
  std::uint32_t region_count = 0;
  std::uint32_t reserved = 0;
  std::array<Region, kRegionsMax> regions;
};

// The stand is a number that grows whenever vCPUs start to run or somebody else changes memory.
// Equal in the replies to kPause and kResume: nothing moved between the two.
struct PauseReply {
  std::uint64_t stand = 0;
};

struct ResumeReply {
  std::uint64_t stand = 0;  // as it was just before this command
};

struct Vcpu {
  std::array<std::uint64_t, 16> general{};
  std::uint64_t rip = 0, rflags = 0;
  std::uint64_t cr0 = 0, cr2 = 0, cr3 = 0, cr4 = 0, efer = 0;
  std::uint64_t gdt_base = 0, idt_base = 0;
  std::uint32_t gdt_limit = 0, idt_limit = 0;
  std::uint64_t gs_base = 0, kernel_gs_base = 0;
  std::uint64_t star = 0, lstar = 0, sf_mask = 0;
};

struct VcpusReply {
  std::uint32_t count = 0;
  std::uint32_t reserved = 0;
  std::array<Vcpu, kVcpusMax> vcpus;
};

// Shared by the guest's process, read-only for all others: what happens, without asking.
struct StatusPage {
  std::atomic<std::uint64_t> boot;
  std::atomic<std::uint64_t> map_generation;
  std::atomic<std::uint64_t> log_owner;
  std::atomic<std::uint64_t> paused;     // 1 while no vCPU may run
  std::atomic<std::uint64_t> pauses;     // pause requests acknowledged
  std::atomic<std::uint64_t> pause_ns;   // CLOCK_MONOTONIC of the last acknowledged pause
  std::atomic<std::uint64_t> resume_ns;  // and of the last time vCPUs were let run
  std::array<std::atomic<std::uint64_t>, kVcpusMax> work;  // steps each vCPU has done
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(sizeof(StatusPage) <= 4096);
static_assert(std::is_trivially_copyable_v<Request> && sizeof(Request) == 48);
static_assert(std::is_trivially_copyable_v<DescribeReply>);
static_assert(std::is_trivially_copyable_v<VcpusReply>);

}  // namespace stillframe::sim
