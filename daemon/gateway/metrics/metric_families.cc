#include "gateway/metrics/metric_families.h"

#include <algorithm>
#include <span>

#include "gateway/metrics/family_list.h"
#include "gateway/metrics/guest_families.h"

namespace stillframe {
namespace {

constexpr std::size_t kLabelBytesMax = 128;

double Seconds(std::uint64_t ms) { return static_cast<double>(ms) / 1e3; }

// How many bytes the UTF-8 sequence at the beginning of `text` has; 0: it is none.
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t length = 0;
  if (byte(0) < 0x80) {
    length = 1;
  } else if (byte(0) >= 0xc2 && byte(0) < 0xe0) {
    length = 2;
  } else if (byte(0) >= 0xe0 && byte(0) < 0xf0) {
    length = 3;
  } else if (byte(0) >= 0xf0 && byte(0) < 0xf5) {
    length = 4;
  }
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what is past U+10FFFF.
  if (length == 3 && byte(0) == 0xe0 && byte(1) < 0xa0) return 0;
  if (length == 3 && byte(0) == 0xed && byte(1) >= 0xa0) return 0;
  if (length == 4 && byte(0) == 0xf0 && byte(1) < 0x90) return 0;
  if (length == 4 && byte(0) == 0xf4 && byte(1) >= 0x90) return 0;
  return length;
}

void AddDaemon(const MetricsLook& look, FamilyList& families) {
  const v1::Host::Daemon& daemon = look.host.daemon();
  const auto up = families.Gauge("stillframe_daemon_up", "1: the gateway reaches stillframed.");
  families.Set(up, look.host.has_daemon() ? 1.0 : 0.0);
  const auto uptime =
      families.Gauge("stillframe_daemon_uptime_seconds", "How long stillframed has been running.");
  const auto arena =
      families.Gauge("stillframe_arena_bytes", "Memory held for page copies of all guests.");
  const auto arena_limit = families.Gauge("stillframe_arena_limit_bytes",
                                          "Bound on that memory: daemon.arena_bytes_max.");
  const auto resumes = families.Counter("stillframe_guardian_resumes_total",
                                        "Guests that the guardian resumed in the daemon's place.");
  const auto respawns = families.Counter("stillframe_guardian_respawns_total",
                                         "How often the guardian had to be started again.");
  const auto connections =
      families.Gauge("stillframe_local_connections", "Local readers; the gateway is one.");
  const auto pins = families.Gauge("stillframe_local_pins", "Generations that local readers hold.");
  const auto watches =
      families.Gauge("stillframe_local_watches", "Watches that local readers have open.");
  if (!look.host.has_daemon()) return;
  families.Set(uptime, Seconds(daemon.uptime_ms()));
  families.Set(arena, daemon.arena_bytes());
  families.Set(arena_limit, daemon.arena_bytes_max());
  families.Set(resumes, daemon.guardian_resumes());
  families.Set(respawns, daemon.guardian_respawns());
  families.Set(connections, daemon.connections());
  families.Set(pins, daemon.pins());
  families.Set(watches, daemon.watches());
}

void AddGateway(const MetricsLook& look, FamilyList& families) {
  const v1::Host::Gateway& gateway = look.host.gateway();
  families.Set(
      families.Gauge("stillframe_gateway_uptime_seconds", "How long the gateway has been running."),
      Seconds(gateway.uptime_ms()));
  families.Set(families.Gauge("stillframe_gateway_streams", "Open streams and captures."),
               gateway.streams());
  families.Set(families.Gauge("stillframe_gateway_streams_limit", "Bound: limits.streams_max."),
               look.streams_max);
  families.Set(families.Gauge("stillframe_gateway_pins", "Pins that remote readers hold."),
               gateway.pins());
  families.Set(families.Gauge("stillframe_gateway_pins_limit", "Bound: limits.pins_max."),
               look.pins_max);
  families.Set(families.Gauge("stillframe_gateway_inflight_bytes",
                              "Snapshot bytes handed to the network and not yet sent."),
               gateway.inflight_bytes());
  families.Set(families.Gauge("stillframe_gateway_inflight_limit_bytes",
                              "Bound: limits.inflight_bytes_max."),
               look.inflight_bytes_max);
  families.Set(families.Counter("stillframe_gateway_stalls_total",
                                "Streams ended because their reader took nothing."),
               gateway.stalls());
  const auto calls =
      families.Counter("stillframe_gateway_calls_total", "Calls that ended, by status code.");
  for (const auto& [call, count] : look.calls) {
    families.Set(calls, count, {{"method", LabelValue(call.method)}, {"code", call.code}});
  }
  const auto denials = families.Counter(
      "stillframe_gateway_denials_total",
      "Refused calls, by principal and reason; limit names the quota that was reached.");
  for (const auto& [denial, count] : look.denials) {
    families.Set(denials, count,
                 {{"principal", LabelValue(denial.principal)},
                  {"reason", LabelValue(denial.reason)},
                  {"limit", LabelValue(denial.limit)}});
  }
}

void AddBuilds(const v1::Host& host, FamilyList& families) {
  const auto build = families.Gauge("stillframe_build_info", "What runs, by version.");
  families.Set(build, 1.0,
               {{"component", "gateway"}, {"version", LabelValue(host.gateway().version())}});
  if (!host.has_daemon()) return;
  families.Set(build, 1.0,
               {{"component", "stillframed"}, {"version", LabelValue(host.daemon().version())}});
}

}  // namespace

std::string LabelValue(std::string_view text) {
  std::string value;
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    if (value.size() + std::max<std::size_t>(length, 1) > kLabelBytesMax) break;
    const bool plain = length > 1 || (length == 1 && text[0] >= 0x20 && text[0] != 0x7f);
    value += plain ? text.substr(0, length) : "?";
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return value;
}

std::vector<prometheus::MetricFamily> FamiliesOf(const MetricsLook& look) {
  FamilyList families;
  AddBuilds(look.host, families);
  AddDaemon(look, families);
  const std::size_t shown = std::min(look.guests.size(), kGuestsShownMax);
  families.Set(families.Gauge("stillframe_guests", "Guests that the daemon knows."),
               static_cast<double>(look.guests.size()));
  families.Set(families.Gauge("stillframe_guests_omitted", "Guests that have no metrics here."),
               static_cast<double>(look.guests.size() - shown));
  AddGuestFamilies(std::span(look.guests).first(shown), families);
  AddGateway(look, families);
  return families.Take();
}

}  // namespace stillframe
