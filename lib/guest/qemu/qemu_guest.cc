#include "guest/qemu/qemu_guest.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "base/status.h"
#include "guest/qemu/query.h"
#include "guest/qemu/registers.h"
#include "nlohmann/json.hpp"

namespace stillframe {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStopTimeout{2000};  // QEMU flushes the guest's disks before it answers
constexpr milliseconds kContinueTimeout{900};
constexpr unsigned kResetBits = 20;

// Field 22 of /proc/PID/stat: when the process started, in ticks since the host's boot.
std::uint64_t StartTimeOf(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::size_t at = text.rfind(')');  // the name before it may hold anything
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  std::uint64_t ticks = 0;
  if (at != std::string::npos) {
    std::from_chars(text.data() + at + 1, text.data() + text.size(), ticks);
  }
  return ticks;
}

// Beside its heading, /proc/swaps has a line for each area in use.
bool HostSwaps() {
  std::ifstream file("/proc/swaps");
  std::string line;
  std::getline(file, line);
  return static_cast<bool>(std::getline(file, line));
}

std::uint32_t NextConnectionNumber() {
  static std::atomic<std::uint32_t> last{0};
  return ++last;
}

}  // namespace

struct QemuGuest::View final : GuestView {
  GuestLayout layout;
  std::shared_ptr<QemuRam> ram;
};

QemuGuest::QemuGuest(GuestIdentity identity, std::string address,
                     std::unique_ptr<QmpConnection> qmp, MsrPolicy msrs,
                     std::shared_ptr<QemuPresence> presence)
    : identity_(std::move(identity)),
      qmp_(std::move(qmp)),
      presence_(std::move(presence)),
      address_(std::move(address)),
      vcpus_(msrs),
      boot_base_(StartTimeOf(qmp_->peer_pid()) << kResetBits) {
  ticket_.backend = Backend::kQemu;
  ticket_.connection = NextConnectionNumber();
  ticket_.instance = static_cast<std::uint64_t>(qmp_->peer_pid());
  ticket_.guest = identity_.id;
  ticket_.SetAddress(address_);
  absl::StatusOr<std::unique_ptr<DirtyLog>> log =
      DirtyLog::Open(qmp_->peer_pid(), presence_->process.get());
  log_remark_ = MessageOf(log.status());
  if (log.ok()) log_ = *std::move(log);
  logged_ = log_ != nullptr;
}

QemuGuest::~QemuGuest() {
  static_cast<void>(Resume());
  presence_->open = false;
}

GuestCapabilities QemuGuest::capabilities() const {
  GuestCapabilities capabilities;
  capabilities.dirty_log = logged_;
  capabilities.dirty_log_live = logged_ && writers_.direct_io.empty();
  capabilities.dirty_log_remark = log_remark_;
  return capabilities;
}

absl::StatusOr<QemuState> QemuGuest::QueryState() {
  SF_ASSIGN_OR_RETURN(QmpFrame reply, qmp_->Call("query-status", "", kQueryTimeout));
  return StateOf(Unquote(FindMember(reply.body, "status")));
}

absl::StatusOr<std::shared_ptr<const GuestView>> QemuGuest::Refresh() {
  SF_RETURN_IF_ERROR(qmp_->Drain());
  const std::uint64_t resets = qmp_->events().resets;
  const std::uint64_t unplugs = qmp_->events().unplugs;
  SF_ASSIGN_OR_RETURN(const QemuState state, QueryState());
  if (state.motion == QemuMotion::kInTransfer) {
    return absl::UnavailableError(
        fmt::format("guest {}: QEMU migrates, saves or restores it now", identity_.name));
  }
  // QEMU says nothing when the guest remaps firmware or a DIMM is plugged in, so the map is read
  // each time: 0.7-0.9 ms, the guest running.
  SF_ASSIGN_OR_RETURN(std::string mtree, qmp_->ExecuteHuman("info mtree -f", kQueryTimeout));
  SF_ASSIGN_OR_RETURN(std::vector<FlatRange> ranges, ParseSystemFlatView(mtree));
  absl::StatusOr<nlohmann::json> cpus = qmp_->Execute("query-cpus-fast", nullptr, kQueryTimeout);
  SF_RETURN_IF_ERROR(cpus.status());

  // A DIMM may have gone, and another one of its name come.
  if (ram_ == nullptr || ram_->all != MemoryBlocks(ranges) || ram_unplugs_ != unplugs) {
    SF_ASSIGN_OR_RETURN(ram_, OpenQemuRam(*qmp_, ranges));
    ram_unplugs_ = unplugs;
  }
  absl::StatusOr<GuestLayout> layout = LayOut(ranges, ram_->blocks);
  SF_RETURN_IF_ERROR(layout.status());
  const bool was_logged = logged_;
  if (log_ != nullptr) SF_RETURN_IF_ERROR(RefreshLog(mtree, *layout, unplugs));
  for (std::size_t i = 0; i < ram_->mapped.size(); ++i) {
    PageBitmap arrived;
    const absl::Status populated = ram_->mapped[i].PopulateResident(logged_ ? &arrived : nullptr);
    if (logged_) log_->NoteArrived(i, arrived);
    SF_RETURN_IF_ERROR(populated);
  }

  const std::uint64_t boot = boot_base_ + resets;
  const auto vcpus = static_cast<std::uint32_t>(std::min<std::size_t>(cpus->size(), kVcpusMax + 1));
  SF_RETURN_IF_ERROR(vcpus_.Prepare(*qmp_, vcpus, boot));
  // A guest that somebody else stopped is not to be resumed, not even by the guardian.
  ticket_.SetAddress(state.motion == QemuMotion::kRunning ? address_ : "");
  presence_->state = state.run_state;
  view_resets_ = resets;
  if (view_ != nullptr && view_->state == state.run_state && view_->boot == boot &&
      view_->vcpus == vcpus && view_->ram == ram_ && view_->layout == *layout &&
      was_logged == logged_) {
    return view_;
  }
  auto view = std::make_shared<View>();
  view->state = state.run_state;
  view->boot = boot;
  view->vcpus = vcpus;
  view->map = layout->map;
  view->ram = ram_;
  for (const BlockExtent& extent : layout->extents) {
    view->extents.push_back({extent.range, ram_->mapped[extent.block].data() + extent.offset});
  }
  view->layout = *std::move(layout);
  view_ = std::move(view);
  return view_;
}

absl::Status QemuGuest::RefreshLog(const std::string& mtree, const GuestLayout& layout,
                                   std::uint64_t unplugs) {
  absl::StatusOr<nlohmann::json> nodes =
      qmp_->Execute("query-named-block-nodes", {{"flat", true}}, kQueryTimeout);
  SF_RETURN_IF_ERROR(nodes.status());
  std::string devices = DevicesIn(mtree, *nodes);
  // Read anew when something came, which shows in `devices`, or went, perhaps for its like.
  if (devices != devices_ || device_unplugs_ != unplugs) {
    SF_ASSIGN_OR_RETURN(const std::string tree, qmp_->ExecuteHuman("info qtree", kQueryTimeout));
    SF_ASSIGN_OR_RETURN(const std::string nets, qmp_->ExecuteHuman("info network", kQueryTimeout));
    absl::StatusOr<nlohmann::json> objects =
        qmp_->Execute("qom-list", {{"path", "/objects"}}, kQueryTimeout);
    SF_RETURN_IF_ERROR(objects.status());
    device_writers_ = MemoryWriters();
    NoteDevices(tree, device_writers_);
    NoteNetworks(nets, device_writers_);
    NoteObjects(*objects, device_writers_);
    devices_ = std::move(devices);
    device_unplugs_ = unplugs;
  }
  writers_ = device_writers_;
  NoteBlockNodes(*nodes, writers_);
  log_remark_.clear();
  logged_ = writers_.foreign.empty();
  if (!logged_) {
    log_->TurnOff();
    log_remark_ = fmt::format("{} writes guest memory past QEMU", writers_.foreign);
    return absl::OkStatus();
  }
  if (!writers_.direct_io.empty()) {
    log_remark_ =
        fmt::format("no pre-copy: {} reads straight into guest memory", writers_.direct_io);
  }
  const absl::Status turned_on = log_->TurnOn(
      ram_, layout, writers_.gives_back || HostSwaps() ? Residency::kMayVanish : Residency::kLasts);
  logged_ = turned_on.ok();
  if (!logged_) log_remark_ = MessageOf(turned_on);
  return absl::OkStatus();
}

absl::Status QemuGuest::Pause() {
  SF_RETURN_IF_ERROR(qmp_->Drain());
  // Nothing to do unless a fetch came after the last Refresh; the guest still runs.
  if (view_ != nullptr) SF_RETURN_IF_ERROR(vcpus_.Prepare(*qmp_, view_->vcpus, view_->boot));
  SF_ASSIGN_OR_RETURN(const QemuState before, QueryState());
  if (before.motion == QemuMotion::kInTransfer) {
    return absl::UnavailableError(
        fmt::format("pause guest {}: QEMU migrates, saves or restores it now", identity_.name));
  }
  hold_resumes_ = qmp_->events().resumes;
  if (before.motion == QemuMotion::kStanding) {
    hold_ = Hold::kForeign;
    return absl::OkStatus();
  }
  if (ticket_.Address().empty()) {
    return absl::AbortedError(
        fmt::format("pause guest {}: somebody resumed it since the last Refresh", identity_.name));
  }
  hold_ = Hold::kUncertain;
  SF_RETURN_IF_ERROR(qmp_->Call("stop", "", kStopTimeout).status());
  hold_resumes_ = qmp_->events().resumes;
  // A guest that crashed or shut down between the two calls stands for that reason, and `cont`
  // would undo what is not ours.
  SF_ASSIGN_OR_RETURN(QmpFrame after, qmp_->Call("query-status", "", kQueryTimeout));
  const std::string_view status = Unquote(FindMember(after.body, "status"));
  if (status == "paused") {
    hold_ = Hold::kOurs;
    return absl::OkStatus();
  }
  if (StateOf(status).motion == QemuMotion::kStanding) {
    hold_ = Hold::kForeign;
    return absl::OkStatus();
  }
  return absl::AbortedError(
      fmt::format("pause guest {}: QEMU went to state {:.40} at once", identity_.name, status));
}

absl::Status QemuGuest::Resume() {
  if (hold_ == Hold::kNone) return absl::OkStatus();
  const absl::Status drained = qmp_->Drain();
  // QEMU announces a resume before any vCPU runs, so a resume by others that could have torn what
  // was copied until now is known now.
  const bool torn = qmp_->events().resumes != hold_resumes_;
  if (hold_ != Hold::kForeign && !torn) {
    if (absl::Status continued = Continue(); !continued.ok()) {
      if (absl::IsNotFound(continued)) hold_ = Hold::kNone;
      return continued;
    }
  }
  if (hold_ != Hold::kForeign && torn) SF_RETURN_IF_ERROR(LeaveMigration());
  const bool owned = std::exchange(hold_, Hold::kNone) != Hold::kForeign;
  if (owned) vcpus_.Restore(*qmp_);
  if (torn) {
    return absl::AbortedError(
        fmt::format("guest {} was resumed by somebody else during the pause", identity_.name));
  }
  return drained;
}

absl::Status QemuGuest::Continue() {
  const auto deadline = std::chrono::steady_clock::now() + kContinueTimeout;
  for (;;) {
    absl::Status status;
    if (vcpus_.migrating()) {
      status = vcpus_.FinishMigration(*qmp_, kContinueTimeout / 2);
      if (absl::IsNotFound(status)) return status;
    }
    status = qmp_->Call("cont", "", kContinueTimeout).status();
    // "Migration is not finalized yet", "Resetting the Virtual Machine is required"
    if (!absl::IsFailedPrecondition(status) || std::chrono::steady_clock::now() >= deadline) {
      return Annotate(status, fmt::format("resume guest {}", identity_.name));
    }
    static_cast<void>(qmp_->AwaitLine(milliseconds(1)));
  }
}

absl::Status QemuGuest::LeaveMigration() {
  if (vcpus_.migrating()) {
    static_cast<void>(vcpus_.FinishMigration(*qmp_, kContinueTimeout / 2));
  }
  SF_ASSIGN_OR_RETURN(QmpFrame state, qmp_->Call("query-status", "", kQueryTimeout));
  return Unquote(FindMember(state.body, "status")) == "postmigrate" ? Continue() : absl::OkStatus();
}

absl::StatusOr<DirtyAnswer> QemuGuest::FetchDirty(PageBitmap& dirty) {
  SF_RETURN_IF_ERROR(qmp_->Drain());
  if (qmp_->events().resets != view_resets_) {
    return absl::AbortedError(fmt::format("guest {} was reset", identity_.name));
  }
  return logged_ ? log_->Fetch(dirty) : DirtyAnswer::kUnknown;
}

void QemuGuest::ForgetVanished(PageBitmap& resident) {
  if (logged_) log_->ForgetVanished(resident);
}

absl::Status QemuGuest::FilterResident(PageBitmap& resident) {
  if (view_ == nullptr) return absl::FailedPreconditionError("no view of the guest yet: Refresh");
  for (const BlockExtent& extent : view_->layout.extents) {
    SF_RETURN_IF_ERROR(
        ram_->mapped[extent.block].ClearHoles(extent.range, extent.offset, resident));
  }
  if (logged_) log_->NoteResident(resident);
  return absl::OkStatus();
}

absl::Status QemuGuest::FetchVcpus() {
  return vcpus_.Fetch(
      *qmp_, hold_ == Hold::kOurs ? VcpuReader::Depth::kAll : VcpuReader::Depth::kNoDeviceState);
}

absl::StatusOr<std::vector<VcpuState>> QemuGuest::DecodeVcpus() { return vcpus_.Decode(); }

}  // namespace stillframe
