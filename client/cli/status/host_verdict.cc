#include "status/host_verdict.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "render/text.h"
#include "top/fleet_rates.h"
#include "top/top_text.h"

namespace stillframe::cli {
namespace {

constexpr std::uint64_t kPeriodsLate = 3;
constexpr std::uint64_t kLateMs = 5000;
constexpr std::uint64_t kArenaPercentFull = 95;

Finding About(const v1::Guest& guest, std::string what, std::string message) {
  return {guest.name(), guest.uuid(), std::move(what), std::move(message)};
}

// Empty: in time, or nobody expects one.
std::string Overdue(const v1::Host& host, const v1::Guest& guest) {
  const std::uint64_t wanted_ms = guest.policy().period_ms();
  if (wanted_ms == 0 || !guest.has_newest_snapshot()) return "";
  const std::uint64_t period_ms = std::max(wanted_ms, guest.statistics().stretched_period_ms());
  const std::uint64_t late_ms = kPeriodsLate * period_ms + kLateMs;
  const std::uint64_t age_ns = SnapshotAgeNs(host, guest);
  if (age_ns <= late_ms * kNsPerMs) return "";
  return fmt::format("the newest snapshot is {} old, with a period of {}", FormatDurationNs(age_ns),
                     FormatDurationNs(period_ms * kNsPerMs));
}

void JudgeGuest(const v1::Host& host, const v1::Guest& guest, HostVerdict& verdict) {
  if (!guest.unreadable_reason().empty()) {
    verdict.notes.push_back(About(guest, "not_captured", guest.unreadable_reason()));
    return;
  }
  ++verdict.captured;
  const v1::GuestStatistics& statistics = guest.statistics();
  if (!statistics.last_error().empty()) {
    verdict.problems.push_back(About(guest, "captures_fail", statistics.last_error()));
  } else if (std::string overdue = Overdue(host, guest); !overdue.empty()) {
    verdict.problems.push_back(About(guest, "snapshot_overdue", std::move(overdue)));
  }
  if (guest.policy().period_ms() > 0 && !guest.has_newest_snapshot()) {
    verdict.notes.push_back(About(guest, "no_snapshot_yet", "there is no snapshot yet"));
  }
  if (statistics.stretched_period_ms() > 0) {
    verdict.notes.push_back(
        About(guest, "period_stretched",
              fmt::format("captured every {} instead of {}: its pauses are too long",
                          FormatDurationNs(statistics.stretched_period_ms() * kNsPerMs),
                          FormatDurationNs(guest.policy().period_ms() * kNsPerMs))));
  }
}

void JudgeDaemon(const v1::Host::Daemon& daemon, HostVerdict& verdict) {
  const std::uint64_t full = daemon.arena_bytes_max() / 100 * kArenaPercentFull;
  if (daemon.arena_bytes_max() > 0 && daemon.arena_bytes() >= full) {
    verdict.problems.push_back(
        {"", "", "arena_full",
         fmt::format("page copies hold {}: raise daemon.arena_bytes_max, or keep less",
                     ShareOf(daemon.arena_bytes(), daemon.arena_bytes_max()))});
  }
  if (daemon.guardian_resumes() > 0) {
    verdict.notes.push_back({"", "", "guardian_resumed",
                             fmt::format("the guardian ended {} pauses that took too long",
                                         daemon.guardian_resumes())});
  }
  if (daemon.guardian_respawns() > 0) {
    verdict.notes.push_back({"", "", "guardian_restarted",
                             fmt::format("the guardian died and was started again {} times",
                                         daemon.guardian_respawns())});
  }
}

std::string FindingLine(const char* kind, const Finding& finding) {
  if (finding.guest.empty()) return fmt::format("{:<9} {}\n", kind, Printable(finding.message));
  return fmt::format("{:<9} guest {}: {}\n", kind, Printable(finding.guest),
                     Printable(finding.message));
}

Json FindingsJson(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"what", finding.what},
                    {"guest_name", finding.guest},
                    {"guest_uuid", finding.uuid},
                    {"message", finding.message}});
  }
  return list;
}

}  // namespace

std::string ProblemsText(const HostVerdict& verdict) {
  const std::size_t count = verdict.problems.size();
  return fmt::format("{} problem{}", count, count == 1 ? "" : "s");
}

HostVerdict Judge(const v1::Host& host, const std::vector<v1::Guest>& guests) {
  HostVerdict verdict;
  verdict.host = host;
  verdict.guests = guests.size();
  JudgeDaemon(host.daemon(), verdict);
  for (const v1::Guest& guest : guests) JudgeGuest(host, guest, verdict);
  return verdict;
}

std::string StatusText(const HostVerdict& verdict) {
  const v1::Host::Daemon& daemon = verdict.host.daemon();
  std::string text =
      verdict.healthy() ? "healthy\n" : fmt::format("UNHEALTHY: {}\n", ProblemsText(verdict));
  const bool load = TellsLoad(verdict.host);
  text += fmt::format("{:<9} {}", "daemon", VersionAndUptime(daemon.version(), daemon.uptime_ms()));
  if (load) text += fmt::format("; {} local readers, {} pins", daemon.connections(), daemon.pins());
  text += '\n';
  if (verdict.host.has_gateway()) {
    const v1::Host::Gateway& gateway = verdict.host.gateway();
    text += fmt::format("{:<9} {}", "gateway",
                        VersionAndUptime(gateway.version(), gateway.uptime_ms()));
    if (load) {
      text += fmt::format("; {} streams, {} pins, {} stalls", gateway.streams(), gateway.pins(),
                          gateway.stalls());
    }
    text += '\n';
  }
  if (load) {
    text +=
        fmt::format("{:<9} {}\n", "arena", ShareOf(daemon.arena_bytes(), daemon.arena_bytes_max()));
  }
  text +=
      fmt::format("{:<9} {}, {} of them captured\n", "guests", verdict.guests, verdict.captured);
  for (const Finding& finding : verdict.problems) text += FindingLine("PROBLEM", finding);
  for (const Finding& finding : verdict.notes) text += FindingLine("note", finding);
  return text;
}

Json StatusJson(const HostVerdict& verdict) {
  return {{"healthy", verdict.healthy()},
          {"host", ToJson(verdict.host)},
          {"guests", verdict.guests},
          {"captured", verdict.captured},
          {"problems", FindingsJson(verdict.problems)},
          {"notes", FindingsJson(verdict.notes)}};
}

}  // namespace stillframe::cli
