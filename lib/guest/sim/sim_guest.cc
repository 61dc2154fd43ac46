#include "guest/sim/sim_guest.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/memfd.h"
#include "base/status.h"
#include "guest/sim/sim_layout.h"

namespace stillframe {

struct SimGuest::View final : GuestView {
  std::shared_ptr<const Mapping> ram;
  std::uint64_t map_generation = 0;
  std::vector<sim::Region> ram_regions;  // one for each extent
};

SimGuest::SimGuest(GuestIdentity identity, sim::SimConnection control, sim::SimConnection resume)
    : identity_(std::move(identity)),
      control_(std::move(control)),
      resume_connection_(std::move(resume)) {}

absl::StatusOr<std::unique_ptr<Guest>> SimGuest::Open(const std::string& path,
                                                      const GuestIdentity& identity) {
  SF_ASSIGN_OR_RETURN(sim::SimConnection control, sim::SimConnection::Connect(path));
  SF_ASSIGN_OR_RETURN(sim::SimConnection resume, sim::SimConnection::Connect(path));
  std::unique_ptr<SimGuest> guest(new SimGuest(identity, std::move(control), std::move(resume)));
  SF_RETURN_IF_ERROR(Annotate(guest->Attach(path), guest->Describe("open")));
  return guest;
}

std::string SimGuest::Describe(std::string_view attempt) const {
  return fmt::format("{} simulated guest {}", attempt, identity_.name);
}

sim::Request SimGuest::RequestOf(sim::Command command) const {
  sim::Request request;
  request.command = command;
  request.guest = identity_.id;
  return request;
}

absl::Status SimGuest::Attach(const std::string& path) {
  ticket_.backend = Backend::kSim;
  ticket_.instance = static_cast<std::uint64_t>(control_.peer_pid());
  ticket_.guest = identity_.id;
  ticket_.SetAddress(path);
  if (ticket_.Address() != path) {
    return absl::FailedPreconditionError(
        fmt::format("{} is too long for the guardian; use a shorter sim directory", path));
  }
  if (ticket_.instance == 0 || resume_connection_.peer_pid() != control_.peer_pid()) {
    return absl::NotFoundError("its process is being replaced");
  }

  sim::AttachReply reply;
  std::array<UniqueFd, 3> fds;
  SF_RETURN_IF_ERROR(control_.CallFor(RequestOf(sim::Command::kAttach), reply, fds));
  if (reply.ram_bytes == 0 || reply.ram_bytes % kPageBytes != 0 ||
      reply.ram_bytes / kPageBytes > kGuestPagesMax || reply.guest_pages == 0 ||
      reply.guest_pages > kGuestPagesMax) {
    return absl::DataLossError(
        fmt::format("it claims {} bytes of RAM in {} pages", reply.ram_bytes, reply.guest_pages));
  }
  const std::size_t log_bytes = (reply.guest_pages + 63) / 64 * sizeof(std::uint64_t);
  SF_RETURN_IF_ERROR(CheckSealed(fds[0].get(), reply.ram_bytes));
  SF_RETURN_IF_ERROR(CheckSealed(fds[1].get(), log_bytes));
  SF_RETURN_IF_ERROR(CheckSealed(fds[2].get(), sizeof(sim::StatusPage)));
  SF_ASSIGN_OR_RETURN(Mapping ram,
                      Mapping::Shared(fds[0].get(), 0, reply.ram_bytes, Access::kReadOnly));
  SF_ASSIGN_OR_RETURN(dirty_, Mapping::Shared(fds[1].get(), 0, log_bytes, Access::kReadWrite));
  SF_RETURN_IF_ERROR(dirty_.Populate(Access::kReadWrite));
  SF_ASSIGN_OR_RETURN(status_,
                      Mapping::Shared(fds[2].get(), 0, sizeof(sim::StatusPage), Access::kReadOnly));
  SF_RETURN_IF_ERROR(status_.Populate(Access::kReadOnly));
  ram_ = std::make_shared<const Mapping>(std::move(ram));
  ram_fd_ = std::move(fds[0]);
  guest_pages_ = reply.guest_pages;
  return reply.has_machine_frames != 0 ? AttachMachineFrames() : absl::OkStatus();
}

absl::Status SimGuest::AttachMachineFrames() {
  const std::size_t bytes = guest_pages_ * sizeof(std::uint64_t);
  UniqueFd fd;
  SF_RETURN_IF_ERROR(control_.Call(RequestOf(sim::Command::kMachineFrames), {}, {&fd, 1}));
  SF_RETURN_IF_ERROR(CheckSealedForever(fd.get(), bytes));
  SF_ASSIGN_OR_RETURN(machine_frames_, Mapping::Shared(fd.get(), 0, bytes, Access::kReadOnly));
  return absl::OkStatus();
}

absl::Status SimGuest::StartLog() {
  sim::StartLogReply reply;
  SF_RETURN_IF_ERROR(control_.CallFor(RequestOf(sim::Command::kStartLog), reply));
  if (reply.log_owner == 0) return absl::DataLossError("it gave the dirty log to nobody");
  log_owner_ = reply.log_owner;
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const SimGuest::View>> SimGuest::BuildView() const {
  auto view = std::make_shared<View>();
  SF_ASSIGN_OR_RETURN(view->map,
                      sim::CheckLayout(layout_, guest_pages_, ram_->size() / kPageBytes));
  view->state = layout_.operator_paused != 0 ? RunState::kPaused : RunState::kRunning;
  view->boot = layout_.boot;
  view->vcpus = layout_.vcpus;
  view->map_generation = layout_.map_generation;
  view->ram = ram_;
  if (view_ != nullptr && view_->map == view->map) {
    view->machine_frames = view_->machine_frames;
  } else if (machine_frames_.size() != 0) {
    const std::span table(reinterpret_cast<const std::uint64_t*>(machine_frames_.data()),
                          guest_pages_);
    view->machine_frames =
        std::make_shared<const std::vector<std::uint64_t>>(sim::MachineFramesOf(table, view->map));
  }
  for (std::uint32_t i = 0; i < layout_.region_count; ++i) {
    const sim::Region& region = layout_.regions[i];
    if (region.kind != sim::WireRegion::kRam) continue;
    view->ram_regions.push_back(region);
    view->extents.push_back(
        {GfnRange{Gfn{region.first}, region.pages}, ram_->data() + region.ram_page * kPageBytes});
  }
  return view;
}

absl::StatusOr<std::shared_ptr<const GuestView>> SimGuest::Refresh() {
  absl::Status described = control_.CallFor(RequestOf(sim::Command::kDescribe), layout_);
  if (!described.ok()) {
    if (absl::IsNotFound(described)) view_ = nullptr;
    return Annotate(described, Describe("refresh"));
  }
  if (log_owner_ == 0 || status_page().log_owner.load() != log_owner_) {
    SF_RETURN_IF_ERROR(Annotate(StartLog(), Describe("start the dirty log of")));
  }
  const RunState state = layout_.operator_paused != 0 ? RunState::kPaused : RunState::kRunning;
  if (view_ != nullptr && view_->boot == layout_.boot && view_->state == state &&
      view_->map_generation == layout_.map_generation) {
    return view_;
  }
  absl::StatusOr<std::shared_ptr<const View>> view = BuildView();
  if (!view.ok()) return Annotate(view.status(), Describe("refresh"));
  if (view_ == nullptr || view_->boot != (*view)->boot ||
      view_->map_generation != (*view)->map_generation) {
    faulted_in_ = PageBitmap((*view)->map.page_count());
  }
  view_ = *std::move(view);
  return view_;
}

absl::Status SimGuest::Pause() {
  may_hold_pause_ = true;
  pause_acknowledged_ = false;
  sim::PauseReply reply;
  const absl::Status paused = control_.CallFor(RequestOf(sim::Command::kPause), reply);
  if (!paused.ok()) return Annotate(paused, Describe("pause"));
  pause_acknowledged_ = true;
  stand_ = reply.stand;
  return absl::OkStatus();
}

absl::Status SimGuest::Resume() {
  if (!may_hold_pause_) return absl::OkStatus();
  sim::ResumeReply reply;
  const absl::Status resumed = control_.CallFor(RequestOf(sim::Command::kResume), reply);
  if (!resumed.ok()) return Annotate(resumed, Describe("resume"));
  may_hold_pause_ = false;
  if (std::exchange(pause_acknowledged_, false) && reply.stand != stand_) {
    return absl::AbortedError(Describe("resume") +
                              ": it was resumed, rebooted or ballooned during the pause");
  }
  return absl::OkStatus();
}

absl::StatusOr<DirtyAnswer> SimGuest::FetchDirty(PageBitmap& dirty) {
  if (view_ == nullptr || dirty.size() != view_->map.page_count()) {
    return absl::FailedPreconditionError(Describe("fetch dirty pages of") +
                                         ": the set is not of the view's size");
  }
  if (status_page().boot.load() != view_->boot ||
      status_page().map_generation.load() != view_->map_generation) {
    return absl::AbortedError(Describe("fetch dirty pages of") +
                              ": it rebooted or its memory map changed; refresh");
  }
  if (status_page().log_owner.load() != log_owner_) return DirtyAnswer::kUnknown;
  const std::span<std::atomic<std::uint64_t>> words = log();
  const std::span<std::uint64_t> out = dirty.words();
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (words[i].load(std::memory_order_relaxed) != 0) out[i] |= words[i].exchange(0);
  }
  // The bitmap is writable by the guest's process: do not trust the bits past the end.
  if (dirty.size() % 64 != 0) out.back() &= (std::uint64_t{1} << (dirty.size() % 64)) - 1;
  return DirtyAnswer::kLogged;
}

std::uint64_t SimGuest::EstimateDirty() {
  if (view_ == nullptr) return 0;
  PageBitmap dirty(view_->map.page_count());
  const std::span<std::atomic<std::uint64_t>> words = log();
  for (std::size_t i = 0; i < dirty.words().size(); ++i) {
    dirty.words()[i] = words[i].load(std::memory_order_relaxed);
  }
  PageBitmap missing(dirty.size());
  for (std::size_t i = 0; i < missing.words().size(); ++i) {
    missing.words()[i] = dirty.words()[i] & ~faulted_in_.words()[i];
  }
  if (FilterResident(missing).ok()) {
    for (const MappedExtent& extent : view_->extents) {
      missing.ForEachRun(extent.range, [&](GfnRange run) {
        for (std::uint64_t i = 0; i < run.pages; ++i) {
          const std::uint64_t page = run.first.value + i - extent.range.first.value;
          static_cast<void>(
              *reinterpret_cast<const volatile std::byte*>(extent.at + page * kPageBytes));
        }
      });
    }
    faulted_in_.Or(missing);
  }
  std::uint64_t count = 0;
  for (const MappedExtent& extent : view_->extents) {
    dirty.ForEachRun(extent.range, [&count](GfnRange run) { count += run.pages; });
  }
  return count;
}

absl::Status SimGuest::FilterResident(PageBitmap& resident) {
  if (view_ == nullptr || resident.size() != view_->map.page_count()) {
    return absl::FailedPreconditionError(Describe("find resident pages of") +
                                         ": the set is not of the view's size");
  }
  for (const sim::Region& region : view_->ram_regions) {
    SF_RETURN_IF_ERROR(sim::ClearHoles(ram_fd_.get(), region, resident));
  }
  return absl::OkStatus();
}

absl::Status SimGuest::FetchVcpus() {
  const absl::Status fetched = control_.CallFor(RequestOf(sim::Command::kVcpus), vcpus_);
  if (!fetched.ok()) {
    vcpus_.count = 0;
    return Annotate(fetched, Describe("read registers of"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<VcpuState>> SimGuest::DecodeVcpus() {
  absl::StatusOr<std::vector<VcpuState>> decoded = sim::DecodeVcpus(vcpus_);
  if (!decoded.ok()) return Annotate(decoded.status(), Describe("decode registers of"));
  return decoded;
}

std::span<std::atomic<std::uint64_t>> SimGuest::log() const {
  return {reinterpret_cast<std::atomic<std::uint64_t>*>(dirty_.data()),
          dirty_.size() / sizeof(std::uint64_t)};
}

const sim::StatusPage& SimGuest::status_page() const {
  return *reinterpret_cast<const sim::StatusPage*>(status_.data());
}

}  // namespace stillframe
