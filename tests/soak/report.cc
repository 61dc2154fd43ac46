#include "soak/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "soak/quantile.h"

namespace stillframe::soak {
namespace {

constexpr double kMib = 1 << 20;
constexpr double kLifeSecondsMin = 50;

double Mib(std::uint64_t bytes) { return static_cast<double>(bytes) / kMib; }

}  // namespace

std::vector<std::string> Failures(const Result& result, const Tally& tally) {
  std::vector<std::string> failures;
  if (result.stranded > 0) failures.push_back(fmt::format("{} guests stranded", result.stranded));
  if (tally.wrong > 0) failures.push_back(fmt::format("{} wrong snapshots", tally.wrong.load()));
  if (tally.silent_gaps > 0) {
    failures.push_back(
        fmt::format("{} generations skipped without a word", tally.silent_gaps.load()));
  }
  if (result.guests_idle > 0) {
    failures.push_back(
        fmt::format("{} guests not captured after the last kill", result.guests_idle));
  }
  if (result.gateway_kills == 0 || result.daemon_kills == 0) {
    failures.emplace_back("nothing was killed: the run was too short");
  }
  if (tally.reads == 0 || tally.held_checks == 0 || tally.captures == 0) {
    failures.emplace_back("nothing was captured or read");
  }
  for (const UseRecord& use : result.uses) {
    if (!use.IsFlat()) failures.push_back(use.name() + " grows");
  }
  return failures;
}

std::string Table(const Options& options, const Result& result, const Tally& tally) {
  const std::vector<double> pauses = tally.pauses_us();
  std::string text = fmt::format(
      "\n{:.0f} s, {} guests, {} readers ({} wedged), {} watchers\n"
      "killed: gateway {}, daemon {} ({} of them in a pause); guests: {} reboots, {} balloonings\n"
      "captures {}, failed {}; pause p50 {:.0f} us, p99 {:.0f} us, longest {:.0f} us\n"
      "snapshots read {} ({} pages), again after holding {}; wrong {}\n"
      "guests stranded {}; longest stand seen {} ms; not captured at the end {}\n"
      "events {}, told as missed {}, silently skipped {}; wedged readers dropped {}\n",
      result.seconds, options.guests, options.readers, options.wedged, options.watchers,
      result.gateway_kills, result.daemon_kills, result.kills_in_pause, result.reboots,
      result.balloonings, tally.captures.load(), tally.capture_fails.load(), Quantile(pauses, 0.5),
      Quantile(pauses, 0.99), Quantile(pauses, 1), tally.reads.load(), tally.pages.load(),
      tally.held_checks.load(), tally.wrong.load(), result.stranded, result.longest_stand_ms,
      result.guests_idle, tally.events.load(), tally.missed.load(), tally.silent_gaps.load(),
      tally.wedged_drops.load());
  text += fmt::format("{:<20}{:>28}{:>28}{:>20}\n", "most in a third of it", "own memory, MiB",
                      "RSS, MiB", "descriptors");
  for (const UseRecord& use : result.uses) {
    const Use thirds[] = {use.MostInThird(0), use.MostInThird(1), use.MostInThird(2)};
    const UseRecord::Growth growth = use.GrowthInALife(kLifeSecondsMin);
    text += fmt::format(
        "{:<20}{:>10.1f}{:>9.1f}{:>9.1f}{:>10.0f}{:>9.0f}{:>9.0f}{:>8}{:>6}{:>6}   in a life "
        "{:+.1f} MiB, {:+.1f} ({} lives)\n",
        use.name(), Mib(thirds[0].anon_bytes), Mib(thirds[1].anon_bytes), Mib(thirds[2].anon_bytes),
        Mib(thirds[0].rss_bytes), Mib(thirds[1].rss_bytes), Mib(thirds[2].rss_bytes), thirds[0].fds,
        thirds[1].fds, thirds[2].fds, growth.anon_bytes / kMib, growth.fds, growth.lives);
  }
  for (const auto& [name, count] : tally.errors()) {
    text += fmt::format("calls that ended with {}: {}\n", name, count);
  }
  for (const std::string& complaint : tally.complaints()) text += complaint + "\n";
  const std::vector<std::string> failures = Failures(result, tally);
  for (const std::string& failure : failures) text += "FAILED: " + failure + "\n";
  if (failures.empty()) text += "PASSED: no guest stranded, no wrong byte, nothing grows\n";
  return text;
}

std::string Json(const Options& options, const Result& result, const Tally& tally) {
  const std::vector<double> pauses = tally.pauses_us();
  nlohmann::ordered_json json = {{"seconds", result.seconds},
                                 {"guests", options.guests},
                                 {"readers", options.readers},
                                 {"wedged", options.wedged},
                                 {"watchers", options.watchers},
                                 {"seed", options.seed},
                                 {"gateway_kills", result.gateway_kills},
                                 {"daemon_kills", result.daemon_kills},
                                 {"daemon_kills_in_pause", result.kills_in_pause},
                                 {"reboots", result.reboots},
                                 {"balloonings", result.balloonings},
                                 {"captures", tally.captures.load()},
                                 {"captures_failed", tally.capture_fails.load()},
                                 {"pause_us",
                                  {{"p50", Quantile(pauses, 0.5)},
                                   {"p99", Quantile(pauses, 0.99)},
                                   {"max", Quantile(pauses, 1)}}},
                                 {"snapshots_read", tally.reads.load()},
                                 {"pages_read", tally.pages.load()},
                                 {"held_checks", tally.held_checks.load()},
                                 {"snapshots_wrong", tally.wrong.load()},
                                 {"guests_stranded", result.stranded},
                                 {"longest_stand_ms", result.longest_stand_ms},
                                 {"guests_not_captured", result.guests_idle},
                                 {"events", tally.events.load()},
                                 {"events_missed", tally.missed.load()},
                                 {"generations_skipped_silently", tally.silent_gaps.load()},
                                 {"wedged_dropped", tally.wedged_drops.load()},
                                 {"errors", tally.errors()},
                                 {"failures", Failures(result, tally)}};
  for (const UseRecord& use : result.uses) {
    const UseRecord::Growth growth = use.GrowthInALife(kLifeSecondsMin);
    auto& process = json["processes"][use.name()];
    for (int third = 0; third < 3; ++third) {
      const Use most = use.MostInThird(third);
      process["most_in_thirds"].push_back(
          {{"anon_bytes", most.anon_bytes}, {"rss_bytes", most.rss_bytes}, {"fds", most.fds}});
    }
    process["growth_in_a_life"] = {
        {"anon_bytes", growth.anon_bytes}, {"fds", growth.fds}, {"lives", growth.lives}};
    process["flat"] = use.IsFlat();
  }
  return json.dump(2) + "\n";
}

}  // namespace stillframe::soak
