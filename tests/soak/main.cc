// stillframe-soak: guests, both daemons, readers and watchers for minutes or hours, with kills.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "base/status.h"
#include "soak/report.h"
#include "soak/soak.h"

int main(int argc, char** argv) {
  stillframe::soak::Options options;
  bool json = false;
  CLI::App app("Runs Stillframe over simulated guests and kills its daemons again and again.");
  app.add_option("--minutes", options.minutes, "How long")
      ->capture_default_str()
      ->check(CLI::Range(0.5, 100000.0));
  app.add_option("--guests", options.guests, "Simulated guests")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  app.add_option("--readers", options.readers, "Readers, wedged ones included")
      ->capture_default_str()
      ->check(CLI::Range(4, 256));
  app.add_option("--wedged", options.wedged, "Readers that never read")->capture_default_str();
  app.add_option("--watchers", options.watchers, "Watchers of all guests")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  app.add_option("--seed", options.seed, "Seed of every random choice")->capture_default_str();
  app.add_option("--gateway-kill-s", options.gateway_kill_s,
                 "kill -9 of the gateway this often; in short runs six times")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 1e6));
  app.add_option("--daemon-kill-s", options.daemon_kill_s,
                 "kill -9 of the daemon this often; in short runs three times")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 1e6));
  app.add_option("--line-s", options.line_s, "A line of figures this often")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 3600.0));
  app.add_flag("--json", json, "The end as JSON; the lines go to standard error");
  CLI11_PARSE(app, argc, argv);
  if (options.wedged >= options.readers) {
    fmt::print(stderr, "--wedged {}: expected fewer than --readers\n", options.wedged);
    return 2;
  }

  stillframe::soak::Soak soak(options, json ? stderr : stdout);
  const absl::Status status = soak.Run();
  fmt::print("{}", json ? Json(options, soak.result(), soak.tally())
                        : Table(options, soak.result(), soak.tally()));
  if (!status.ok()) fmt::print(stderr, "stillframe-soak: {}\n", stillframe::MessageOf(status));
  const bool passed = status.ok() && Failures(soak.result(), soak.tally()).empty();
  return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
