#include "guest/qemu/vcpu_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <span>
#include <utility>

#include "base/memfd.h"
#include "base/status.h"
#include "guest/qemu/device_state.h"
#include "guest/qemu/registers.h"
#include "nlohmann/json.hpp"

namespace stillframe {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kPrepareTimeout{1000};
constexpr milliseconds kFetchTimeout{1000};
constexpr milliseconds kMigrationTimeout{500};
constexpr milliseconds kCancelTimeout{200};
constexpr std::uint32_t kMsrTriesPerBoot = 64;
constexpr std::size_t kTextBytesPerVcpu = 8192;  // AVX-512 registers and JSON escapes included
constexpr std::size_t kDumpBytes = std::size_t{4} << 20;
constexpr std::size_t kStreamBytes = std::size_t{64} << 20;

constexpr std::string_view kSetCapabilities =
    R"({"capabilities":[{"capability":"x-ignore-shared","state":true},)"
    R"({"capability":"events","state":true}]})";

// A file of `bytes` that cannot grow: QEMU's writing ends there.
absl::StatusOr<UniqueFd> CreateBounded(const char* name, std::size_t bytes) {
  SF_ASSIGN_OR_RETURN(UniqueFd fd, CreateMemfd(name, bytes));
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) != 0) {
    return ErrnoStatus(errno, fmt::format("seal {}", name));
  }
  return fd;
}

// Empties `file` and leaves a duplicate with QEMU.
absl::Status Hand(QmpConnection& qmp, const char* name, const UniqueFd& file, std::size_t bytes) {
  if (lseek(file.get(), 0, SEEK_SET) != 0 ||
      fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                static_cast<off_t>(bytes)) != 0) {
    return ErrnoStatus(errno, fmt::format("empty {}", name));
  }
  return qmp.PassFd(name, file.get(), kPrepareTimeout);
}

absl::StatusOr<std::vector<std::byte>> ReadWritten(const UniqueFd& file, std::size_t bytes_max) {
  const off_t end = lseek(file.get(), 0, SEEK_CUR);
  if (end < 0 || static_cast<std::size_t>(end) > bytes_max) {
    return absl::DataLossError("QEMU wrote past the end of a register file");
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(end));
  const ssize_t got = pread(file.get(), bytes.data(), bytes.size(), 0);
  if (got != end) return absl::DataLossError("a register file that QEMU wrote ends early");
  return bytes;
}

}  // namespace

bool VcpuReader::WantsMsrs() const {
  if (msrs_ == MsrPolicy::kNever || msr_tries_ >= kMsrTriesPerBoot) return false;
  return msrs_ == MsrPolicy::kAlways || !msrs_seen_;
}

absl::Status VcpuReader::Prepare(QmpConnection& qmp, std::uint32_t vcpus, std::uint64_t boot) {
  if (vcpus == 0 || vcpus > kVcpusMax) {
    return absl::DataLossError(fmt::format("QEMU says that the guest has {} vCPUs", vcpus));
  }
  if (std::exchange(boot_, boot) != boot) {
    msr_tries_ = 0;
    msrs_seen_ = false;
  }
  const std::size_t text_bytes = (vcpus + 1) * kTextBytesPerVcpu;
  qmp.ReserveReply(text_bytes + (std::size_t{64} << 10));
  if (text_.capacity() < text_bytes) text_.assign(text_bytes, '\0');

  if (!dump_.valid()) {
    SF_ASSIGN_OR_RETURN(dump_, CreateBounded("stillframe-notes", kDumpBytes));
  }
  if (!dump_ready_) {
    dump_fetched_ = false;
    SF_RETURN_IF_ERROR(Hand(qmp, "stillframe-notes", dump_, kDumpBytes));
    dump_ready_ = true;
  }

  if (!WantsMsrs() || stream_ready_) return absl::OkStatus();
  if (!stream_.valid()) {
    SF_ASSIGN_OR_RETURN(stream_, CreateBounded("stillframe-state", kStreamBytes));
  }
  stream_fetched_ = false;
  absl::StatusOr<nlohmann::json> before =
      qmp.Execute("query-migrate-capabilities", nullptr, kPrepareTimeout);
  SF_RETURN_IF_ERROR(before.status());
  bool ignore_shared = false;
  bool events = false;
  bool known = false;
  for (const nlohmann::json& entry : *before) {
    if (!entry.is_object() || !entry.contains("capability") || !entry.contains("state") ||
        !entry["capability"].is_string() || !entry["state"].is_boolean()) {
      continue;
    }
    const bool state = entry["state"].get<bool>();
    if (entry["capability"] == "events") events = state;
    if (entry["capability"] == "x-ignore-shared") {
      known = true;
      ignore_shared = state;
    }
  }
  if (!known) {  // QEMU before 4.0
    msr_tries_ = kMsrTriesPerBoot;
    return absl::OkStatus();
  }
  restore_capabilities_ =
      fmt::format(R"({{"capabilities":[{{"capability":"x-ignore-shared","state":{}}},)"
                  R"({{"capability":"events","state":{}}}]}})",
                  ignore_shared, events);
  SF_RETURN_IF_ERROR(Hand(qmp, "stillframe-state", stream_, kStreamBytes));
  stream_ready_ = true;
  return absl::OkStatus();
}

absl::Status VcpuReader::Fetch(QmpConnection& qmp, Depth depth) {
  dump_fetched_ = stream_fetched_ = false;
  text_.clear();
  absl::StatusOr<QmpFrame> reply =
      qmp.Call("human-monitor-command", R"({"command-line":"info registers -a"})", kFetchTimeout);
  SF_RETURN_IF_ERROR(reply.status());
  if (reply->body.size() > text_.capacity()) {
    return absl::ResourceExhaustedError("QEMU's register text is longer than was expected");
  }
  text_.assign(reply->body);
  if (dump_ready_) {
    dump_ready_ = false;
    // One page of memory: QEMU writes the notes of all vCPUs in front of it.
    dump_fetched_ = qmp.Call("dump-guest-memory",
                             R"({"paging":false,"protocol":"fd:stillframe-notes",)"
                             R"("begin":0,"length":4096})",
                             kFetchTimeout)
                        .ok();
  }
  if (depth == Depth::kAll && stream_ready_ && WantsMsrs()) FetchDeviceState(qmp);
  return absl::OkStatus();
}

void VcpuReader::FetchDeviceState(QmpConnection& qmp) {
  ++msr_tries_;
  // Never one write for both: without the capability QEMU would send all RAM.
  if (!qmp.Call("migrate-set-capabilities", kSetCapabilities, kFetchTimeout).ok()) return;
  capabilities_changed_ = true;
  stream_ready_ = false;
  const absl::StatusOr<QmpFrame> begun =
      qmp.Call("migrate", R"({"uri":"fd:stillframe-state"})", kMigrationTimeout);
  // A refusal (a device that blocks migration) changed nothing, and will not be another next time.
  if (absl::IsFailedPrecondition(begun.status())) {
    msr_tries_ = kMsrTriesPerBoot;
    return;
  }
  migrating_ = true;
  stream_fetched_ = FinishMigration(qmp, kMigrationTimeout).ok();
}

absl::Status VcpuReader::FinishMigration(QmpConnection& qmp, QmpConnection::Timeout timeout) {
  auto deadline = Clock::now() + timeout;
  bool cancelled = false;
  for (;;) {
    // "completed" is announced while the state is still finish-migrate, and QEMU 7.2 refuses
    // `cont` then: only a final migration status with another run state is the end.
    SF_ASSIGN_OR_RETURN(QmpFrame migration, qmp.Call("query-migrate", "", kFetchTimeout));
    const std::string_view status = Unquote(FindMember(migration.body, "status"));
    const bool completed = status == "completed";
    const bool over = completed || status == "failed" || status == "cancelled" || status.empty() ||
                      status == "none";
    if (over) {
      SF_ASSIGN_OR_RETURN(QmpFrame state, qmp.Call("query-status", "", kFetchTimeout));
      const std::string_view run_state = Unquote(FindMember(state.body, "status"));
      if (completed ? run_state == "postmigrate" : run_state != "finish-migrate") {
        migrating_ = false;
        return completed ? absl::OkStatus()
                         : absl::UnavailableError("QEMU's migration of its device state failed");
      }
    }
    if (Clock::now() >= deadline) {
      if (cancelled) return absl::DeadlineExceededError("QEMU's migration does not end");
      cancelled = true;
      deadline += kCancelTimeout;
      static_cast<void>(qmp.Call("migrate_cancel", "", kFetchTimeout));
    }
    // An event wakes this up; without one, look again soon.
    static_cast<void>(qmp.AwaitLine(milliseconds(over ? 0 : 1)));
  }
}

void VcpuReader::Restore(QmpConnection& qmp) {
  if (!capabilities_changed_ || migrating_) return;
  capabilities_changed_ =
      !qmp.Call("migrate-set-capabilities", restore_capabilities_, kFetchTimeout).ok();
}

absl::StatusOr<std::vector<VcpuState>> VcpuReader::Decode() {
  SF_ASSIGN_OR_RETURN(RegisterText decoded, DecodeRegisterText(text_));
  bool whole = !decoded.cut;
  if (dump_fetched_) {
    absl::StatusOr<std::vector<std::byte>> dump = ReadWritten(dump_, kDumpBytes);
    SF_RETURN_IF_ERROR(dump.status());
    SF_RETURN_IF_ERROR(MergeCpuNotes(*dump, decoded.vcpus));
    whole = true;
  }
  if (!whole) {
    return absl::DataLossError(
        "a vCPU runs 32-bit code, and QEMU, which refused dump-guest-memory, cuts its registers");
  }
  if (stream_fetched_) {
    // Without them the MSRs are absent, and the next capture tries again.
    absl::StatusOr<std::vector<std::byte>> stream = ReadWritten(stream_, kStreamBytes);
    if (stream.ok() && MergeDeviceState(*stream, decoded.vcpus).ok()) {
      msrs_seen_ = std::all_of(decoded.vcpus.begin(), decoded.vcpus.end(),
                               [](const VcpuState& vcpu) { return vcpu.lstar.value_or(0) != 0; });
    }
  }
  return std::move(decoded.vcpus);
}

}  // namespace stillframe
