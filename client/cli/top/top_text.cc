#include "top/top_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "render/text.h"

namespace stillframe::cli {
namespace {

using Align = Table::Align;

std::string BytesPerSecond(double bytes) {
  return bytes < 1 ? "-" : FormatBytes(static_cast<std::uint64_t>(bytes)) + "/s";
}

std::string NsOrDash(std::uint64_t nanoseconds) {
  return nanoseconds == 0 ? "-" : FormatDurationNs(nanoseconds);
}

std::string NoteOf(const GuestRates& rates) {
  const v1::Guest& guest = rates.guest;
  if (!guest.unreadable_reason().empty()) return Printable(guest.unreadable_reason());
  if (!guest.statistics().last_error().empty()) {
    return "FAILING: " + Printable(guest.statistics().last_error());
  }
  if (guest.statistics().stretched_period_ms() > 0) {
    return fmt::format("period stretched to {}",
                       FormatDurationNs(guest.statistics().stretched_period_ms() * 1'000'000));
  }
  return "";
}

Table::Column Right(const char* title) { return {title, Align::kRight}; }

std::string GuestsTable(const std::vector<GuestRates>& guests, std::size_t shown) {
  Table table({{"GUEST"},
               Right("GEN"),
               Right("AGE"),
               Right("CAP/S"),
               Right("PAUSE"),
               Right("WITHIN"),
               Right("DOWNTIME"),
               Right("COPIED"),
               Right("CHANGED"),
               Right("ARENA"),
               Right("PINS"),
               {"NOTE"}});
  for (std::size_t i = 0; i < shown; ++i) {
    const GuestRates& rates = guests[i];
    const v1::GuestStatistics& statistics = rates.guest.statistics();
    const std::uint64_t generation = rates.guest.latest_generation();
    table.AddRow({Printable(rates.guest.name()), generation == 0 ? "-" : std::to_string(generation),
                  NsOrDash(rates.snapshot_age_ns), fmt::format("{:.1f}", rates.captures_per_s),
                  NsOrDash(rates.pause_mean_ns), NsOrDash(rates.pause_bound_us * 1000),
                  fmt::format("{:.2f} %", rates.downtime * 100),
                  BytesPerSecond(rates.copied_bytes_per_s),
                  BytesPerSecond(rates.changed_bytes_per_s), FormatBytes(statistics.arena_bytes()),
                  std::to_string(statistics.pins()), NoteOf(rates)});
  }
  return table.ToString();
}

std::string DaemonLine(const v1::Host& host) {
  const v1::Host::Daemon& daemon = host.daemon();
  const std::string age = VersionAndUptime(daemon.version(), daemon.uptime_ms());
  if (!TellsLoad(host)) return fmt::format("stillframed {}", age);
  return fmt::format("stillframed {}; arena {}; guardian resumed {}", age,
                     ShareOf(daemon.arena_bytes(), daemon.arena_bytes_max()),
                     daemon.guardian_resumes());
}

std::string GatewayLine(const v1::Host& host) {
  if (!host.has_gateway()) {
    return fmt::format("local readers: {} connections, {} pins, {} watches",
                       host.daemon().connections(), host.daemon().pins(), host.daemon().watches());
  }
  const v1::Host::Gateway& gateway = host.gateway();
  const std::string age = VersionAndUptime(gateway.version(), gateway.uptime_ms());
  if (!TellsLoad(host)) return fmt::format("gateway {}", age);
  return fmt::format("gateway {}; {} streams, {} pins, {} in flight, {} stalls", age,
                     gateway.streams(), gateway.pins(), FormatBytes(gateway.inflight_bytes()),
                     gateway.stalls());
}

// Each line at most `columns` characters wide.
std::string CutLines(const std::string& text, std::size_t columns) {
  std::string out;
  std::size_t width = 0;
  for (const char c : text) {
    const bool continuation = (static_cast<unsigned char>(c) & 0xc0u) == 0x80u;
    if (c == '\n') {
      width = 0;
    } else if (!continuation) {
      ++width;
    }
    if (width <= columns) out.push_back(c);
  }
  return out;
}

}  // namespace

bool TellsLoad(const v1::Host& host) { return host.daemon().arena_bytes_max() > 0; }

std::string VersionAndUptime(const std::string& version, std::uint64_t uptime_ms) {
  constexpr std::uint64_t kMinutesOfDay = 1440;
  const std::uint64_t minutes = uptime_ms / 60'000;
  std::string up = fmt::format("{} s", uptime_ms / 1000);
  if (minutes >= kMinutesOfDay) {
    up = fmt::format("{} d {} h", minutes / kMinutesOfDay, minutes % kMinutesOfDay / 60);
  } else if (minutes >= 60) {
    up = fmt::format("{} h {} min", minutes / 60, minutes % 60);
  } else if (minutes > 0) {
    up = fmt::format("{} min", minutes);
  }
  return fmt::format("{}, up {}", version.empty() ? "?" : Printable(version), up);
}

std::string ShareOf(std::uint64_t bytes, std::uint64_t bytes_max) {
  std::string text = fmt::format("{} of {}", FormatBytes(bytes), FormatBytes(bytes_max));
  if (bytes_max > 0) {
    text += fmt::format(" ({:.0f} %)",
                        100 * static_cast<double>(bytes) / static_cast<double>(bytes_max));
  }
  return text;
}

std::string TopText(const v1::Host& host, const std::vector<GuestRates>& guests,
                    const ScreenSize& screen) {
  constexpr std::size_t kOtherLines = 5;  // of the host, an empty one, titles, what was cut
  std::size_t shown = guests.size();
  if (screen.rows > 0) {
    shown = std::min(shown, screen.rows - std::min(screen.rows, kOtherLines));
  }
  std::string text =
      fmt::format("{}\n{}\n\n{}", DaemonLine(host), GatewayLine(host), GuestsTable(guests, shown));
  if (shown < guests.size()) text += fmt::format("... and {} more\n", guests.size() - shown);
  return screen.columns == 0 ? text : CutLines(text, screen.columns);
}

Json TopJson(const v1::Host& host, const std::vector<GuestRates>& guests) {
  Json list = Json::array();
  for (const GuestRates& rates : guests) {
    list.push_back({{"name", rates.guest.name()},
                    {"uuid", rates.guest.uuid()},
                    {"generation", rates.guest.latest_generation()},
                    {"snapshot_age_ns", rates.snapshot_age_ns},
                    {"captures_per_s", rates.captures_per_s},
                    {"failures_per_s", rates.failures_per_s},
                    {"pause_mean_ns", rates.pause_mean_ns},
                    {"pause_bound_us", rates.pause_bound_us},
                    {"downtime", rates.downtime},
                    {"copied_bytes_per_s", rates.copied_bytes_per_s},
                    {"changed_bytes_per_s", rates.changed_bytes_per_s},
                    {"arena_bytes", rates.guest.statistics().arena_bytes()},
                    {"pins", rates.guest.statistics().pins()},
                    {"unreadable_reason", rates.guest.unreadable_reason()},
                    {"last_error", rates.guest.statistics().last_error()}});
  }
  return {{"host", ToJson(host)}, {"guests", std::move(list)}};
}

}  // namespace stillframe::cli
