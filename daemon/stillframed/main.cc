// stillframed: captures the guests of this host and serves their snapshots to local readers.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "base/status.h"
#include "config/stillframed_config.h"
#include "guardian/guardian_process.h"
#include "guest/backends/backends.h"
#include "service/service_log.h"
#include "stillframed/stillframed.h"

namespace {

constexpr int kFailed = 1;
constexpr int kBadConfig = 2;

int Fail(const absl::Status& status, int code) {
  fmt::print(stderr, "stillframed: {}\n", stillframe::MessageOf(status));
  return code;
}

void SetUpLog(stillframe::LogLevel level) {
  spdlog::set_default_logger(
      stillframe::MakeServiceLog("stillframed", "%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v"));
  spdlog::set_level(spdlog::level::from_str(std::string(NameOf(level))));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Captures consistent memory snapshots of this host's guests and serves them to local\n"
      "readers, the gateway among them. Usually started by systemd."};
  std::string config_path = "/etc/stillframe/stillframed.toml";
  bool check_config = false;
  bool recover = false;
  bool guardian = false;
  app.add_option("--config", config_path, "Configuration file")->capture_default_str();
  app.add_flag("--check-config", check_config, "Check the configuration file and exit");
  app.add_flag("--recover", recover, "Resume guests that a crash left paused, and exit");
  app.add_flag("--guardian", guardian)->group("");
  app.set_version_flag("--version", "stillframed " STILLFRAME_VERSION);
  app.footer(
      "Exit status: 0 it ended well; 1 it failed; 2 the configuration or the command line is "
      "wrong.\nstillframed(8) and stillframed.toml(5) tell more.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : kBadConfig;
  }

  if (guardian) {
    return stillframe::GuardianMain(stillframe::OpenResumers(), stillframe::LogToStandardError);
  }
  const auto config = stillframe::LoadStillframedConfig(config_path);
  if (!config.ok()) return Fail(config.status(), kBadConfig);
  if (check_config) {
    fmt::print("{}: good\n", config_path);
    return 0;
  }
  SetUpLog(config->daemon.log_level);
  const absl::Status ended =
      recover ? stillframe::RecoverPausedGuests(*config) : stillframe::ServeSnapshots(*config);
  return ended.ok() ? 0 : Fail(ended, kFailed);
}
