// A guest inside the test's own process: memory, a dirty log, and faults at chosen calls.
//
// Thread-compatible; a test that shares one with a Worker changes it only between captures or
// from hooks that the worker's thread runs.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "guest/guest.h"
#include "guest/pause_guard.h"

namespace stillframe {

// What a FakeGuest is made of; outlives the Guest object, as a real guest outlives its connection.
class FakeMachine {
 public:
  explicit FakeMachine(std::uint64_t pages) : pages_(pages), dirty_(pages) {
    void* at = mmap(nullptr, pages << kPageShift, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ram_ = static_cast<std::byte*>(at);
    dirty_.SetRange({Gfn{0}, pages});
  }
  ~FakeMachine() { munmap(ram_, pages_ << kPageShift); }
  FakeMachine(const FakeMachine&) = delete;
  FakeMachine& operator=(const FakeMachine&) = delete;

  std::uint64_t pages() const { return pages_; }
  const std::byte* PageAt(Gfn gfn) const { return ram_ + gfn.address(); }

  // Fills the page with bytes that depend on `seed`; 0 makes it a zero page.
  void Write(Gfn gfn, std::uint64_t seed) {
    std::uint64_t words[kPageBytes / 8] = {};
    if (seed != 0) {
      std::mt19937_64 random(seed);
      for (auto& word : words) word = random();
    }
    std::memcpy(ram_ + gfn.address(), words, kPageBytes);
    dirty_.Set(gfn);
  }

  // Writes the bytes that are there already: dirty, but not changed.
  void Touch(Gfn gfn) { dirty_.Set(gfn); }

  std::vector<std::byte> Copy() const { return {ram_, ram_ + (pages_ << kPageShift)}; }

  bool paused = false;
  std::atomic<bool> gone = false;  // tests pull it away under a running worker
  std::uint64_t boot = 1;
  std::uint64_t pauses = 0;
  std::uint64_t resumes = 0;
  std::uint64_t logged_in_pause = 0;  // pages that the dirty log named in the newest pause
  bool has_log = true;
  bool log_is_live = true;              // while the guest runs too
  bool log_interrupted = false;         // the next FetchDirty knows nothing
  std::vector<MemoryRegion> regions;    // empty: all of it is RAM
  std::function<void()> while_paused;   // runs when the registers are read
  std::function<void()> at_resume;      // runs just before vCPUs run again
  std::function<void()> while_running;  // runs when the dirty log is read and the guest not paused
  std::shared_ptr<const std::vector<std::uint64_t>> machine_frames;
  std::optional<std::uint64_t> backend_pages;

  // Calls fail by number, counted from 1 over all members of all guests of this machine.
  std::uint64_t calls = 0;
  std::uint64_t fail_call = 0;
  absl::Status failure = absl::InternalError("injected");

 private:
  friend class FakeGuest;
  const std::uint64_t pages_;
  std::byte* ram_ = nullptr;
  PageBitmap dirty_;
};

class FakeGuest final : public Guest {
 public:
  explicit FakeGuest(FakeMachine& machine) : machine_(machine) {
    identity_.id = GuestId::OfName("fake");
    identity_.name = "fake";
    identity_.backend = Backend::kSim;
  }
  ~FakeGuest() override { static_cast<void>(Resume()); }

  const GuestIdentity& identity() const override { return identity_; }
  GuestCapabilities capabilities() const override {
    return {.dirty_log = machine_.has_log,
            .dirty_log_live = machine_.log_is_live,
            .consistency = Consistency::kInstantaneous};
  }

  absl::StatusOr<std::shared_ptr<const GuestView>> Refresh() override {
    if (absl::Status fault = Fault(); !fault.ok()) return fault;
    std::vector<MemoryRegion> regions = machine_.regions;
    if (regions.empty()) regions.push_back({{Gfn{0}, machine_.pages()}, RegionKind::kRam});
    auto map = MemoryMap::Create(regions);
    if (!map.ok()) return map.status();
    if (view_ != nullptr && view_->map == *map && view_->boot == machine_.boot &&
        view_->machine_frames == machine_.machine_frames) {
      return view_;
    }
    auto view = std::make_shared<GuestView>();
    view->boot = machine_.boot;
    view->vcpus = 1;
    view->map = *std::move(map);
    view->machine_frames = machine_.machine_frames;
    for (const MemoryRegion& region : view->map.regions()) {
      if (region.kind != RegionKind::kRam) continue;
      view->extents.push_back({region.range, machine_.ram_ + region.range.first.address()});
    }
    view_ = std::move(view);
    return view_;
  }

  ResumeTicket resume_ticket() const override { return {}; }

  absl::Status Pause() override {
    // Fails after its effect: the hard case for callers.
    machine_.paused = true;
    ours_ = true;
    ++machine_.pauses;
    return Fault();
  }

  absl::Status Resume() override {
    if (!ours_) return absl::OkStatus();
    if (machine_.at_resume) machine_.at_resume();
    absl::Status fault = Fault();
    machine_.paused = false;
    ours_ = false;
    ++machine_.resumes;
    return fault.ok() ? fault : absl::AbortedError("injected");
  }

  absl::StatusOr<DirtyAnswer> FetchDirty(PageBitmap& dirty) override {
    if (!machine_.has_log) {
      if (absl::Status fault = Fault(); !fault.ok()) return fault;
      return DirtyAnswer::kUnknown;
    }
    const auto from = machine_.dirty_.words();
    const auto into = dirty.words();
    for (std::size_t i = 0; i < into.size(); ++i) into[i] |= from[i];
    if (machine_.paused) machine_.logged_in_pause = machine_.dirty_.Count();
    if (dirty.size() % 64 != 0) into.back() &= (std::uint64_t{1} << (dirty.size() % 64)) - 1;
    machine_.dirty_.ClearAll();
    if (!machine_.paused && machine_.while_running) machine_.while_running();
    // Fails after its effect: the hard case for callers.
    if (absl::Status fault = Fault(); !fault.ok()) return fault;
    if (std::exchange(machine_.log_interrupted, false)) return DirtyAnswer::kUnknown;
    return DirtyAnswer::kLogged;
  }

  std::uint64_t EstimateDirty() override { return machine_.dirty_.Count(); }

  // Not to be asked in the pause: it may take long.
  std::optional<std::uint64_t> CountBackendPages() override {
    return machine_.paused ? std::nullopt : machine_.backend_pages;
  }

  absl::Status FetchVcpus() override {
    if (machine_.while_paused) machine_.while_paused();
    return Fault();
  }

  absl::StatusOr<std::vector<VcpuState>> DecodeVcpus() override {
    if (absl::Status fault = Fault(); !fault.ok()) return fault;
    return std::vector<VcpuState>(1);
  }

 private:
  absl::Status Fault() {
    if (machine_.gone) return absl::NotFoundError("the guest is gone");
    return ++machine_.calls == machine_.fail_call ? machine_.failure : absl::OkStatus();
  }

  FakeMachine& machine_;
  GuestIdentity identity_;
  std::shared_ptr<GuestView> view_;
  bool ours_ = false;
};

// A guard that records what it is told.
class FakeGuard final : public PauseGuard {
 public:
  absl::Status Arm(std::uint64_t) override {
    ++arms;
    return arm_status;
  }
  void BeginResume() override { ++resumes_begun; }
  absl::Status Disarm() override {
    ++disarms;
    return disarm_status;
  }

  std::uint64_t arms = 0;
  std::uint64_t resumes_begun = 0;
  std::uint64_t disarms = 0;
  absl::Status arm_status;
  absl::Status disarm_status;
};

}  // namespace stillframe
