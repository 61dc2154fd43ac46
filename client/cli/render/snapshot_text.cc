#include "render/snapshot_text.h"

#include <fmt/format.h>

#include <utility>

#include "base/units.h"
#include "render/json.h"
#include "render/text.h"

namespace stillframe::cli {
namespace {

using Align = Table::Align;
using Rows = std::vector<std::pair<std::string, std::string>>;

// "name  value" lines, values aligned.
std::string List(const Rows& rows) {
  std::size_t width = 0;
  for (const auto& row : rows) width = std::max(width, row.first.size());
  std::string text;
  for (const auto& [name, value] : rows) text += fmt::format("{:<{}}  {}\n", name, width, value);
  return text;
}

std::string Pages(std::uint64_t pages) {
  return fmt::format("{} ({})", pages, FormatBytes(pages << kPageShift));
}

// An enum's name as the JSON output has it: one vocabulary.
std::string NameOfField(const google::protobuf::Message& message, const char* field) {
  const auto& value =
      *message.GetReflection()->GetEnum(message, message.GetDescriptor()->FindFieldByName(field));
  const std::string& zero = value.type()->value(0)->name();
  std::string name = value.name().substr(zero.size() - std::string("UNSPECIFIED").size());
  for (char& c : name) c = c == '_' ? ' ' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return name;
}

std::uint64_t PauseNs(const v1::Snapshot& snapshot) {
  return snapshot.pause_end_ns() - std::min(snapshot.pause_begin_ns(), snapshot.pause_end_ns());
}

std::string DirtyLogText(const v1::GuestCapabilities& capabilities) {
  std::string text = capabilities.dirty_log() ? "yes" : "no: every capture copies all";
  if (!capabilities.dirty_log_remark().empty()) {
    text += fmt::format(" ({})", Printable(capabilities.dirty_log_remark()));
  }
  return text;
}

std::string GenerationOrNone(std::uint64_t generation) {
  return generation == 0 ? "-" : std::to_string(generation);
}

}  // namespace

std::string GuestsText(const std::vector<v1::Guest>& guests) {
  if (guests.empty()) return "No guests.\n";
  Table table({{"NAME"},
               {"STATE"},
               {"BACKEND"},
               {"VCPUS", Align::kRight},
               {"MEMORY", Align::kRight},
               {"LATEST", Align::kRight},
               {"OLDEST", Align::kRight},
               {"DIRTY LOG"},
               {"UUID"},
               {"NOTE"}});
  for (const v1::Guest& guest : guests) {
    const char* logged = guest.capabilities().dirty_log() ? "yes" : "no";
    table.AddRow({Printable(guest.name()), NameOfField(guest, "state"), Printable(guest.backend()),
                  std::to_string(guest.vcpu_count()),
                  FormatBytes(guest.readable_page_count() << kPageShift),
                  GenerationOrNone(guest.latest_generation()),
                  GenerationOrNone(guest.oldest_generation()), guest.epoch().empty() ? "-" : logged,
                  Printable(guest.uuid()), Printable(guest.unreadable_reason())});
  }
  return table.ToString();
}

std::string GuestText(const v1::Guest& guest) {
  const auto& policy = guest.policy();
  const auto& statistics = guest.statistics();
  Rows rows = {
      {"name", Printable(guest.name())},
      {"uuid", Printable(guest.uuid())},
      {"backend", Printable(guest.backend())},
      {"state", NameOfField(guest, "state")},
  };
  if (!guest.unreadable_reason().empty()) {
    rows.emplace_back("unreadable", Printable(guest.unreadable_reason()));
  }
  const Rows rest = {
      {"epoch", guest.epoch().empty() ? "-" : Printable(guest.epoch())},
      {"generations", fmt::format("{} to {}", GenerationOrNone(guest.oldest_generation()),
                                  GenerationOrNone(guest.latest_generation()))},
      {"memory", FormatBytes(guest.readable_page_count() << kPageShift)},
      {"address space", FormatBytes(guest.page_count() << kPageShift)},
      {"vcpus", std::to_string(guest.vcpu_count())},
      {"dirty log", DirtyLogText(guest.capabilities())},
      {"period",
       policy.period_ms() == 0 ? "on demand" : FormatDurationNs(policy.period_ms() * 1'000'000)},
      {"downtime limit", policy.downtime_percent_max() == 0
                             ? "none"
                             : fmt::format("{} %", policy.downtime_percent_max())},
      {"generations kept", std::to_string(policy.generations_max())},
      {"pause deadline", FormatDurationNs(policy.pause_deadline_ms() * 1'000'000)},
      {"pause budget", policy.pause_budget_ms() == 0
                           ? "none"
                           : FormatDurationNs(policy.pause_budget_ms() * 1'000'000)},
      {"captures",
       fmt::format("{}, {} failed", statistics.captures(), statistics.captures_failed())},
      {"paused in all", FormatDurationNs(statistics.paused_us() * 1'000)},
      {"arena", fmt::format("{} held, {} used, at most {}", FormatBytes(statistics.arena_bytes()),
                            FormatBytes(statistics.arena_bytes_used()),
                            FormatBytes(policy.arena_bytes_max()))},
      {"pins", std::to_string(statistics.pins())},
  };
  rows.insert(rows.end(), rest.begin(), rest.end());
  if (statistics.stretched_period_ms() > 0) {
    rows.emplace_back("stretched period",
                      FormatDurationNs(statistics.stretched_period_ms() * 1'000'000) +
                          ": pauses are too long for the period");
  }
  if (!statistics.last_error().empty()) {
    rows.emplace_back("last error", Printable(statistics.last_error()));
  }
  return List(rows);
}

std::string SnapshotsText(const std::vector<v1::Snapshot>& snapshots) {
  if (snapshots.empty()) return "No snapshots yet.\n";
  Table table({{"GEN", Align::kRight},
               {"TIME"},
               {"PAUSE", Align::kRight},
               {"METHOD"},
               {"COPIED", Align::kRight},
               {"CHANGED", Align::kRight},
               {"PRESENT", Align::kRight},
               {"ZERO", Align::kRight},
               {"ABSENT", Align::kRight},
               {"TRIGGER"}});
  for (const v1::Snapshot& snapshot : snapshots) {
    table.AddRow({std::to_string(snapshot.generation()), FormatTimeNs(snapshot.wall_time_ns()),
                  FormatDurationNs(PauseNs(snapshot)), NameOfField(snapshot, "method"),
                  std::to_string(snapshot.pages_copied()), std::to_string(snapshot.pages_changed()),
                  std::to_string(snapshot.pages_present()), std::to_string(snapshot.pages_zero()),
                  std::to_string(snapshot.pages_absent()), NameOfField(snapshot, "trigger")});
  }
  return table.ToString();
}

std::string SnapshotText(const v1::Snapshot& snapshot) {
  Rows rows = {
      {"guest",
       fmt::format("{} ({})", Printable(snapshot.guest_name()), Printable(snapshot.guest_uuid()))},
      {"generation", std::to_string(snapshot.generation())},
      {"epoch", Printable(snapshot.epoch())},
      {"taken", FormatTimeNs(snapshot.wall_time_ns())},
      {"pause", FormatDurationNs(PauseNs(snapshot))},
      {"method", NameOfField(snapshot, "method")},
      {"consistency", NameOfField(snapshot, "consistency")},
      {"trigger", NameOfField(snapshot, "trigger")},
      {"pages", Pages(snapshot.page_count())},
      {"  present", Pages(snapshot.pages_present())},
      {"  zero", Pages(snapshot.pages_zero())},
      {"  absent", Pages(snapshot.pages_absent())},
      {"copied", Pages(snapshot.pages_copied())},
      {"changed", Pages(snapshot.pages_changed())},
      {"backend-mapped", snapshot.has_pages_backend_mapped()
                             ? Pages(snapshot.pages_backend_mapped())
                             : std::string("unknown")},
      {"faults in pause", std::to_string(snapshot.window_page_faults())},
      {"page tables name", NameOfField(snapshot, "frame_space") + " frames"},
  };
  if (snapshot.precopy_rounds() > 0) {
    rows.emplace_back("pre-copied", fmt::format("{} in {} rounds", Pages(snapshot.precopy_pages()),
                                                snapshot.precopy_rounds()));
  }
  if (snapshot.pages_unchecked() > 0) {
    rows.emplace_back("not compared", Pages(snapshot.pages_unchecked()));
  }
  return List(rows);
}

std::string MemoryMapText(const v1::Snapshot& snapshot) {
  Table table({{"FIRST"}, {"LAST"}, {"PAGES", Align::kRight}, {"SIZE", Align::kRight}, {"KIND"}});
  for (const auto& region : snapshot.memory_regions()) {
    const GfnRange range{Gfn{region.first_gfn()}, region.page_count()};
    table.AddRow({fmt::format("{:#014x}", range.first.address()),
                  fmt::format("{:#014x}", range.end().address() - 1), std::to_string(range.pages),
                  FormatBytes(range.bytes()), NameOfField(region, "kind")});
  }
  return table.ToString();
}

std::string EventText(const v1::SnapshotEvent& event) {
  const std::string name =
      Printable(event.guest_name().empty() ? event.guest_uuid() : event.guest_name());
  std::string what;
  switch (event.event_case()) {
    case v1::SnapshotEvent::kPublished: {
      const v1::Snapshot& snapshot = event.published();
      what = fmt::format("published {}  {}  pause {}  {} pages changed", snapshot.generation(),
                         FormatTimeNs(snapshot.wall_time_ns()), FormatDurationNs(PauseNs(snapshot)),
                         snapshot.pages_changed());
      break;
    }
    case v1::SnapshotEvent::kEvicted:
      what = fmt::format("evicted {}  oldest is {}", event.evicted().generation(),
                         event.evicted().oldest_generation());
      break;
    case v1::SnapshotEvent::kEpochChanged:
      what = fmt::format("epoch changed to {}: generations begin at 1", Printable(event.epoch()));
      break;
    case v1::SnapshotEvent::kGuestGone:
      what = "gone";
      break;
    case v1::SnapshotEvent::kCaptureFailed:
      what = fmt::format("capture failed: {}: {}", Printable(event.capture_failed().code()),
                         Printable(event.capture_failed().message()));
      break;
    case v1::SnapshotEvent::kMissed:
      what = event.missed().first_generation() == 0
                 ? std::string("missed: some events, no generation known to be among them")
                 : fmt::format("missed: generations {} to {}", event.missed().first_generation(),
                               event.missed().last_generation());
      break;
    default:
      what = "unknown event";
  }
  return name.empty() ? what + "\n" : fmt::format("{}  {}\n", name, what);
}

}  // namespace stillframe::cli
