// What capturing a Xen guest costs it, beside the ways that Xen and the paper's prototype have: all
// on the same guest in one run. Runs in dom0.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "bench/support/bench_main.h"
#include "bench/support/samples.h"
#include "capture/worker.h"
#include "guest/xen/foreign_pages.h"
#include "guest/xen/xen_control.h"
#include "guest/xen/xen_hypervisor.h"
#include "in_dom0/lab_guest.h"
#include "introspect/torn_pages.h"
#include "support/eventually.h"
#include "support/fake_guest.h"

namespace stillframe::bench {
namespace {

constexpr int kRounds = 2;

using PageSpan = std::span<const std::byte, kPageBytes>;

// The guest's own account, read in its live memory.
class GuestClock {
 public:
  static absl::StatusOr<GuestClock> Find(const LabGuest& lab) {
    GuestClock clock;
    SF_ASSIGN_OR_RETURN(clock.guest_, XenHypervisor().Open(lab.id()));
    SF_ASSIGN_OR_RETURN(clock.view_, clock.guest_->Refresh());
    for (const MappedExtent& extent : clock.view_->extents) {
      for (std::uint64_t i = 0; i < extent.range.pages; ++i) {
        const std::byte* page = extent.at + i * kPageBytes;
        const bool first = std::memcmp(page, kTornPageMagic.data(), kTornPageMagic.size()) == 0 &&
                           Load(page + kTornIndexOffset) == 0;
        if (first) clock.first_page_ = page;
      }
    }
    if (clock.first_page_ == nullptr) return absl::NotFoundError("the workload does not run");
    return clock;
  }

  // How long it stood still so far, in ms; waits until the guest has noticed what just happened.
  absl::StatusOr<double> StoodStillMs() const {
    const std::uint64_t before = Load(first_page_ + kTornStallOffset);  // naps are never exact
    const bool ran = Eventually([&] { return Load(first_page_ + kTornStallOffset) != before; },
                                std::chrono::seconds(60));
    if (!ran) return absl::DeadlineExceededError("the guest does not run any more");
    return static_cast<double>(Load(first_page_ + kTornStallOffset)) / 1e6;
  }

 private:
  static std::uint64_t Load(const std::byte* at) {
    return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(at), __ATOMIC_RELAXED);
  }

  std::unique_ptr<Guest> guest_;
  std::shared_ptr<const GuestView> view_;
  const std::byte* first_page_ = nullptr;
};

// Stillframe's worker on the guest.
class Ours {
 public:
  absl::Status Open(const LabGuest& lab) {
    SF_ASSIGN_OR_RETURN(auto guest, XenHypervisor().Open(lab.id()));
    CapturePolicy policy;
    policy.period_ms = 0;
    policy.pause_deadline_ms = 60'000;
    WorkerContext context{
        Clock::System(), events_, std::make_shared<ArenaBudget>(std::uint64_t{1} << 30), 16,
        [](const ResumeTicket&, int) -> absl::StatusOr<std::unique_ptr<PauseGuard>> {
          return std::make_unique<FakeGuard>();
        }};
    worker_ = std::make_unique<Worker>(std::move(guest), policy, std::move(context));
    return absl::OkStatus();
  }

  absl::StatusOr<TornPages> Capture() {
    std::promise<absl::StatusOr<SnapshotPtr>> promise;
    auto captured = promise.get_future();
    worker_->Request([&](absl::StatusOr<SnapshotPtr> snapshot) { promise.set_value(snapshot); });
    SF_ASSIGN_OR_RETURN(const SnapshotPtr snapshot, captured.get());
    TornPages pages;
    for (const Slot slot : snapshot->pages.slots()) {
      if (slot >= kSlotsMax) continue;
      SF_RETURN_IF_ERROR(pages.Add(PageSpan(snapshot->arena->At(slot), kPageBytes)));
    }
    return pages;
  }

 private:
  EventLog events_{64};
  std::unique_ptr<Worker> worker_;
};

// The workload's pages in a file of any format that holds pages whole. Of a page that it holds
// several times the last one counts, as in a save, which sends pages again.
absl::StatusOr<TornPages> PagesOfFile(const std::string& path, std::uint64_t expected) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(std::filesystem::file_size(path), '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const std::string_view magic(kTornPageMagic.data(), kTornPageMagic.size());
  const auto word = [&bytes](std::size_t at) {
    std::uint64_t value = 0;
    std::memcpy(&value, &bytes[at], sizeof value);
    return value;
  };
  std::map<std::uint64_t, std::size_t> found;
  for (std::size_t at = bytes.find(magic); at != std::string::npos;
       at = bytes.find(magic, at + 8)) {
    if (at + kPageBytes > bytes.size()) break;
    const std::uint64_t index = word(at + kTornIndexOffset);
    // Else it is the magic in the program's own image.
    const std::uint64_t head = word(at + kTornHeadOffset);
    const bool stamped = head != 0 && head - word(at + kTornTailOffset) <= 1;
    if (index < expected && stamped) found[index] = at;
  }
  TornPages pages;
  for (const auto& [index, at] : found) {
    SF_RETURN_IF_ERROR(
        pages.Add(PageSpan(reinterpret_cast<const std::byte*>(&bytes[at]), kPageBytes)));
  }
  return pages;
}

// As the paper's prototype copies: one page after another is mapped, copied and unmapped.
absl::StatusOr<TornPages> CopyPageByPage(const LabGuest& lab) {
  SF_ASSIGN_OR_RETURN(const auto guest, XenHypervisor().Open(lab.id()));
  SF_ASSIGN_OR_RETURN(const auto view, guest->Refresh());
  SF_ASSIGN_OR_RETURN(const auto memory, ForeignMemory::Open(lab.domid()));
  std::vector<std::byte> copy(view->map.readable_pages() << kPageShift);
  SF_RETURN_IF_ERROR(guest->Pause());
  std::byte* to = copy.data();
  absl::Status status;
  for (const MappedExtent& extent : view->extents) {
    for (std::uint64_t i = 0; i < extent.range.pages && status.ok(); ++i, to += kPageBytes) {
      const xen_pfn_t frame = extent.range.first.value + i;
      const auto page = ForeignPages::Map(memory, {&frame, 1});
      status = page.status();
      if (page.ok() && !page->missing(0)) std::memcpy(to, page->at(0), kPageBytes);
    }
  }
  SF_RETURN_IF_ERROR(guest->Resume());
  SF_RETURN_IF_ERROR(status);
  TornPages pages;
  for (std::size_t at = 0; at < copy.size(); at += kPageBytes) {
    SF_RETURN_IF_ERROR(pages.Add(PageSpan(&copy[at], kPageBytes)));
  }
  return pages;
}

struct Method {
  std::string name;
  std::function<absl::StatusOr<TornPages>()> run;  // what it copied of the workload
  Samples stood_still_ms = {};
  Samples total_ms = {};
  int consistent = 0;
  std::string why_not = {};
};

absl::Status MeasureOnce(Method& method, const GuestClock& guest, std::uint64_t pages) {
  SF_ASSIGN_OR_RETURN(const double before_ms, guest.StoodStillMs());
  const std::uint64_t begin_ns = Clock::System().MonotonicNs();
  SF_ASSIGN_OR_RETURN(const TornPages copied, method.run());
  method.total_ms.Add(static_cast<double>(Clock::System().MonotonicNs() - begin_ns) / 1e6);
  SF_ASSIGN_OR_RETURN(const double after_ms, guest.StoodStillMs());
  method.stood_still_ms.Add(after_ms - before_ms);
  const TornVerdict verdict = copied.Judge(pages);
  method.consistent += verdict.consistent ? 1 : 0;
  if (!verdict.consistent) method.why_not = verdict.reason;
  return absl::OkStatus();
}

absl::Status RunOn(const std::string& name, bool dump_core, int rounds, Report& report) {
  SF_ASSIGN_OR_RETURN(const auto lab, LabGuest::Create(name));
  SF_ASSIGN_OR_RETURN(const GuestClock guest, GuestClock::Find(*lab));
  const std::uint64_t pages = std::stoull(lab->Truth("torn_pages"));

  std::unique_ptr<Ours> ours;
  std::vector<Method> methods;
  methods.push_back({"stillframe, full", [&]() -> absl::StatusOr<TornPages> {
                       ours = std::make_unique<Ours>();
                       SF_RETURN_IF_ERROR(ours->Open(*lab));
                       return ours->Capture();
                     }});
  methods.push_back({"stillframe, incremental", [&] { return ours->Capture(); }});
  if (name != "pv") {  // whose frames this loop would have to look up
    methods.push_back({"map, copy, unmap each page", [&] { return CopyPageByPage(*lab); }});
  }
  if (dump_core) {
    methods.push_back({"xl dump-core", [&]() -> absl::StatusOr<TornPages> {
                         SF_RETURN_IF_ERROR(
                             Shell(fmt::format("xl dump-core {} /tmp/bench.core", name)).status());
                         return PagesOfFile("/tmp/bench.core", pages);
                       }});
  }
  methods.push_back({"xl save -c", [&]() -> absl::StatusOr<TornPages> {
                       SF_RETURN_IF_ERROR(
                           Shell(fmt::format("xl save -c {} /tmp/bench.save", name)).status());
                       return PagesOfFile("/tmp/bench.save", pages);
                     }});
  for (int round = 0; round < rounds; ++round) {
    for (Method& method : methods) {
      if (absl::Status measured = MeasureOnce(method, guest, pages); !measured.ok()) {
        return Annotate(measured, method.name);
      }
      std::remove("/tmp/bench.core");
      std::remove("/tmp/bench.save");
    }
    ours.reset();  // xl save needs the dirty log for itself
  }

  Table table(
      fmt::format("Copies of a {} guest of 96 MiB on an emulated Xen: only ratios count", name),
      {"method", "guest stood still, ms", "x full", "total, ms", "x full", "consistent"});
  const Method& full = methods.front();
  for (const Method& method : methods) {
    table.AddRow({method.name, Number{method.stood_still_ms.Median(), 1},
                  Number{MedianRatio(method.stood_still_ms, full.stood_still_ms)},
                  Number{method.total_ms.Median(), 0},
                  Number{MedianRatio(method.total_ms, full.total_ms)},
                  fmt::format("{} of {}", method.consistent, rounds)});
    if (!method.why_not.empty()) table.AddNote(method.name + " was torn: " + method.why_not);
  }
  table.AddNote("guest stood still: by its own clock, what its naps were too long");
  table.AddNote("full includes mapping the guest; the log is on from then on");
  if (!dump_core) {
    table.AddNote(
        "xl dump-core (--full): asks Xen about a million frames, which takes minutes here");
  }
  report.Add(std::move(table));
  return absl::OkStatus();
}

// Both kinds: PVH guests have a dirty log, PV guests are compared.
absl::Status Run(Effort effort, Report& report) {
  const bool full = effort == Effort::kFull;
  const int rounds = full ? 4 * kRounds : kRounds;
  SF_RETURN_IF_ERROR(RunOn("pvh", full, rounds, report));
  return RunOn("pv", true, rounds, report);
}

}  // namespace
}  // namespace stillframe::bench

int main(int argc, char** argv) {
  return stillframe::bench::Main(argc, argv, "xen", stillframe::bench::Run);
}
