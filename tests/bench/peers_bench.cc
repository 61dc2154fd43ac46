// Beside QEMU's own ways to save a guest's memory: how long the guest stands, and how long it takes
// until all is saved.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "bench/support/bench_main.h"
#include "bench/support/borrowed_guest.h"
#include "bench/support/qemu_peer.h"
#include "bench/support/samples.h"
#include "bench/support/still_guest.h"
#include "capture/capturer.h"
#include "guest/qemu/qemu_hypervisor.h"
#include "nlohmann/json.hpp"
#include "store/event_log.h"
#include "support/eventually.h"

namespace stillframe::bench {
namespace {

constexpr std::uint32_t kWriterMib = 16;  // of which each page is written again and again
constexpr std::uint64_t kDirtyPages = kWriterMib * 256;
constexpr std::chrono::milliseconds kQmpTimeout{10'000};

// Fills the guest's RAM, before it boots, with bytes of which no page is zero or like another.
absl::Status FillRam(pid_t pid, std::uint64_t bytes) {
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid))) {
    std::error_code ignored;
    const std::string target = std::filesystem::read_symlink(entry, ignored).string();
    if (!target.starts_with("/memfd:memory-backend-memfd")) continue;
    const UniqueFd ram(open(entry.path().c_str(), O_RDWR | O_CLOEXEC));
    std::vector<std::uint64_t> chunk(1 << 17);
    std::mt19937_64 random(1);
    for (std::uint64_t at = 0; at < bytes; at += chunk.size() * sizeof chunk[0]) {
      std::generate(chunk.begin(), chunk.end(), std::ref(random));
      if (pwrite(ram.get(), chunk.data(), chunk.size() * sizeof chunk[0], static_cast<off_t>(at)) <
          0) {
        return ErrnoStatus(errno, "fill the guest's memory");
      }
    }
    return absl::OkStatus();
  }
  return absl::NotFoundError("QEMU has no memory-backend-memfd");
}

absl::StatusOr<std::unique_ptr<QemuProcess>> StartGuest(std::uint32_t memory_mib) {
  QemuSetup setup;
  setup.memory_mib = memory_mib;
  setup.torn_mib = kWriterMib;
  setup.dirty_log = true;
  setup.extra = {"-S"};
  SF_ASSIGN_OR_RETURN(auto qemu, QemuProcess::Start(setup));
  SF_RETURN_IF_ERROR(FillRam(qemu->pid(), std::uint64_t{memory_mib} << 20));
  SF_RETURN_IF_ERROR(qemu->observer().Execute("cont", nullptr, kQmpTimeout).status());
  SF_RETURN_IF_ERROR(qemu->WaitReady());
  return qemu;
}

// A line of generations of one guest, which stays while the guest is opened again and again: its
// memory is used anew for each copy, as in a daemon that runs for long.
class Line {
 public:
  Line(QemuProcess& qemu, UseLog use_log) : qemu_(qemu), guest_(use_log) {}

  absl::Status Begin(Guest& guest) {
    guest_.Become(guest);
    if (capturer_ != nullptr) return absl::OkStatus();
    SF_ASSIGN_OR_RETURN(const auto view, guest.Refresh());
    Arena::Options arena;
    arena.name = "bench-arena";
    arena.bytes_max = (5 * view->map.readable_pages() << kPageShift) / 2 + 2 * arena.segment_bytes;
    CapturePolicy policy;
    policy.pause_deadline_ms = 60'000;
    policy.pause_budget_ms = 0;
    Retention retention;
    retention.generations_max = 1;
    SF_ASSIGN_OR_RETURN(store_, SnapshotStore::Create(guest.identity(), Epoch::Random(),
                                                      std::make_shared<Arena>(arena), retention,
                                                      Clock::System(), events_));
    capturer_ = std::make_unique<Capturer>(guest_, *store_, policy, Clock::System(), &crew_);
    return absl::OkStatus();
  }

  absl::StatusOr<SavingCost> Capture(CaptureMethod method) {
    auto cost = TimeSaving(qemu_.observer(), [this]() -> absl::Status {
      SF_ASSIGN_OR_RETURN(auto view, guest_.Refresh());
      SF_ASSIGN_OR_RETURN(newest_, capturer_->Capture(std::move(view), guard_,
                                                      CaptureTrigger::kRequest, cancelled_));
      return absl::OkStatus();
    });
    SF_RETURN_IF_ERROR(cost.status());
    if (newest_->metadata.method != method) {
      return absl::FailedPreconditionError(
          fmt::format("pages were found in another way than meant; the dirty log: {}",
                      guest_.capabilities().dirty_log_remark));
    }
    return cost;
  }

  std::uint64_t pages_copied() const { return newest_->metadata.pages_copied; }

 private:
  QemuProcess& qemu_;
  BorrowedGuest guest_;
  EventLog events_{1000};
  NoGuard guard_;
  CopyCrew crew_{std::clamp(std::thread::hardware_concurrency(), 1u, 4u) - 1};
  std::atomic<bool> cancelled_{false};
  std::unique_ptr<SnapshotStore> store_;
  std::unique_ptr<Capturer> capturer_;
  SnapshotPtr newest_;
};

struct Lines {
  explicit Lines(QemuProcess& qemu) : logless(qemu, UseLog::kNo), logged(qemu, UseLog::kYes) {}
  Line logless;
  Line logged;
};

struct Way {
  std::string name;
  Samples pause_ms;
  Samples total_ms;

  void Add(const SavingCost& cost) {
    pause_ms.Add(cost.pause_ms);
    total_ms.Add(cost.total_ms);
  }
};

struct Ways {
  Way full{"Stillframe: full copy", {}, {}};
  Way compared{"Stillframe: incremental, compared", {}, {}};
  Way logged{"Stillframe: incremental, dirty log", {}, {}};
  Way pmemsave{"stop; pmemsave; cont", {}, {}};
  Way dump{"dump-guest-memory", {}, {}};
  Way migrated{"stop; migrate to file; cont", {}, {}};
  Way background{"background-snapshot to file", {}, {}};
  Samples logged_pages;
};

// Lets go of the guest at its end, and so of the dirty log: a background snapshot needs what that
// uses.
absl::Status RunOurs(QemuProcess& qemu, Lines& lines, Ways& ways) {
  QemuHypervisor hypervisor(QemuOptions{.qmp_globs = {qemu.qmp_path()}, .msrs = MsrPolicy::kNever});
  std::unique_ptr<Guest> guest;
  absl::Status opened;
  // QEMU notices that the last round's connection has closed a moment later.
  Eventually([&] {
    auto found = hypervisor.Open(Uuid::OfName(qemu.qmp_path()));
    opened = found.status();
    if (found.ok()) guest = *std::move(found);
    return opened.ok();
  });
  SF_RETURN_IF_ERROR(opened);
  SF_RETURN_IF_ERROR(lines.logless.Begin(*guest));
  SF_ASSIGN_OR_RETURN(const SavingCost full, lines.logless.Capture(CaptureMethod::kFull));
  ways.full.Add(full);
  SF_ASSIGN_OR_RETURN(const SavingCost compared, lines.logless.Capture(CaptureMethod::kCompare));
  ways.compared.Add(compared);

  SF_RETURN_IF_ERROR(lines.logged.Begin(*guest));
  SF_RETURN_IF_ERROR(lines.logged.Capture(CaptureMethod::kFull).status());
  if (!Eventually([&] { return guest->EstimateDirty() >= kDirtyPages; })) {
    return absl::DeadlineExceededError("the guest does not write its pages again");
  }
  SF_ASSIGN_OR_RETURN(const SavingCost logged, lines.logged.Capture(CaptureMethod::kDirtyLog));
  ways.logged.Add(logged);
  ways.logged_pages.Add(static_cast<double>(lines.logged.pages_copied()));
  return absl::OkStatus();
}

absl::Status RunRound(QemuProcess& qemu, Lines& lines, std::uint64_t bytes, Ways& ways) {
  SF_RETURN_IF_ERROR(RunOurs(qemu, lines, ways));
  QemuPeer peer(qemu);
  SF_ASSIGN_OR_RETURN(const SavingCost pmemsave, peer.StopPmemsaveCont(bytes));
  ways.pmemsave.Add(pmemsave);
  SF_ASSIGN_OR_RETURN(const SavingCost dump, peer.DumpGuestMemory());
  ways.dump.Add(dump);
  SF_ASSIGN_OR_RETURN(const SavingCost migrated, peer.StopMigrateCont());
  ways.migrated.Add(migrated);
  SF_ASSIGN_OR_RETURN(const SavingCost background, peer.BackgroundSnapshot());
  ways.background.Add(background);
  return absl::OkStatus();
}

absl::Status Run(Effort effort, Report& report) {
  const std::uint32_t memory_mib = effort == Effort::kFull ? 1024 : 512;
  const int rounds = effort == Effort::kFull ? 9 : 3;
  SF_ASSIGN_OR_RETURN(const std::unique_ptr<QemuProcess> qemu, StartGuest(memory_mib));
  const std::uint64_t bytes = std::uint64_t{memory_mib} << 20;
  Lines lines(*qemu);
  Ways warm_up;
  SF_RETURN_IF_ERROR(RunRound(*qemu, lines, bytes, warm_up));
  Ways ways;
  for (int round = 0; round < rounds; ++round) {
    SF_RETURN_IF_ERROR(RunRound(*qemu, lines, bytes, ways));
  }

  Table table(
      fmt::format("A QEMU guest of {} MiB, all allocated, that writes {} MiB of it for ever",
                  memory_mib, kWriterMib),
      {"way", "pause ms", "longest ms", "total ms"});
  for (const Way* way : {&ways.full, &ways.compared, &ways.logged, &ways.pmemsave, &ways.dump,
                         &ways.migrated, &ways.background}) {
    table.AddRow({way->name, Number{way->pause_ms.Median()}, Number{way->pause_ms.Max()},
                  Number{way->total_ms.Median(), 0}});
  }
  table.AddNote(fmt::format(
      "Medians of {} rounds. Pauses by QEMU's own STOP and RESUME events; files in /dev/shm.",
      rounds));
  table.AddNote(
      fmt::format("The capture by the dirty log copied {:.0f} pages.", ways.logged_pages.Median()));
  report.Add(std::move(table));

  Table ratios("Ratios within a round", {"of", "to", "median", "figure"});
  const auto add = [&](const char* of, const Samples& a, const char* to, const Samples& b,
                       const char* figure) {
    ratios.AddRow(
        {std::string(of), std::string(to), Number{MedianRatio(a, b), 4}, std::string(figure)});
  };
  add("full pause", ways.full.pause_ms, "dump-guest-memory's pause", ways.dump.pause_ms,
      "1/12 = 0.0833");
  add("full pause", ways.full.pause_ms, "pmemsave's pause", ways.pmemsave.pause_ms,
      "1/18 = 0.0556");
  add("full pause", ways.full.pause_ms, "background-snapshot's total", ways.background.total_ms,
      "1/30 = 0.0333");
  add("logged pause", ways.logged.pause_ms, "background-snapshot's pause", ways.background.pause_ms,
      "1/4 = 0.2500");
  add("logged pause", ways.logged.pause_ms, "compared pause", ways.compared.pause_ms, "-");
  report.Add(std::move(ratios));
  return absl::OkStatus();
}

}  // namespace
}  // namespace stillframe::bench

int main(int argc, char** argv) {
  return stillframe::bench::Main(argc, argv, "peers", stillframe::bench::Run);
}
