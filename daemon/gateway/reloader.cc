#include "gateway/reloader.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <utility>

#include "base/status.h"

namespace stillframe {
namespace {

std::vector<std::string> PolicyFiles(const GatewayConfig& config) {
  if (config.gateway.policy.empty()) return {};
  return {config.gateway.policy};
}

std::vector<std::string> CertificateFiles(const GatewayConfig& config) {
  if (config.tls.empty()) return {};
  std::vector<std::string> files = {config.tls.certificate, config.tls.key, config.tls.client_ca};
  if (!config.tls.crl.empty()) files.push_back(config.tls.crl);
  return files;
}

}  // namespace

void SetLogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::set_level(spdlog::level::trace);
    case LogLevel::kDebug:
      return spdlog::set_level(spdlog::level::debug);
    case LogLevel::kInfo:
      return spdlog::set_level(spdlog::level::info);
    case LogLevel::kWarn:
      return spdlog::set_level(spdlog::level::warn);
    case LogLevel::kError:
      return spdlog::set_level(spdlog::level::err);
  }
}

FileWatch::FileWatch(std::vector<std::string> paths) : paths_(std::move(paths)), last_(LookNow()) {}

FileWatch::Look FileWatch::LookNow() const {
  Look look;
  for (const std::string& path : paths_) {
    struct stat status {};
    static_cast<void>(stat(path.c_str(), &status));
    for (const auto value : {static_cast<std::uint64_t>(status.st_dev), status.st_ino,
                             static_cast<std::uint64_t>(status.st_size),
                             static_cast<std::uint64_t>(status.st_mtim.tv_sec),
                             static_cast<std::uint64_t>(status.st_mtim.tv_nsec),
                             static_cast<std::uint64_t>(status.st_ctim.tv_sec),
                             static_cast<std::uint64_t>(status.st_ctim.tv_nsec)}) {
      look.push_back(value);
    }
  }
  return look;
}

bool FileWatch::Changed() {
  Look now = LookNow();
  if (now == last_) return false;
  last_ = std::move(now);
  return true;
}

Reloader::Reloader(GatewayCommandLine command_line, const GatewayConfig& config,
                   GatewayServer& server)
    : command_line_(std::move(command_line)),
      config_(config),
      server_(server),
      policy_(PolicyFiles(config)),
      certificates_(CertificateFiles(config)) {}

void Reloader::Look() {
  if (policy_.Changed()) ReloadPolicy("the file changed");
  if (certificates_.Changed()) ReloadCertificates("a file changed");
}

void Reloader::ReloadPolicy(const std::string& why) {
  absl::StatusOr<AccessPolicy> policy = LoadPolicy(config_);
  if (!policy.ok()) {
    spdlog::error("policy ({}): {}; the old one stays in force", why, MessageOf(policy.status()));
    return;
  }
  const std::size_t grants = policy->grants().size();
  server_.SetPolicy(*std::move(policy));
  spdlog::info("policy ({}): {} grants in force", why, grants);
}

void Reloader::ReloadCertificates(const std::string& why) {
  const absl::Status loaded = server_.ReloadCertificates();
  if (!loaded.ok()) {
    spdlog::error("certificates ({}): {}; the old ones stay in force", why, MessageOf(loaded));
    return;
  }
  spdlog::info("certificates ({}): in force from the next handshake on", why);
}

void Reloader::ReloadAll() {
  const absl::StatusOr<GatewayConfig> config = LoadSettings(command_line_);
  if (config.ok()) {
    SetLogLevel(config->gateway.log_level);
    spdlog::info("reloaded the log level; other keys of the configuration need a restart");
  } else {
    spdlog::error("reload: {}; the old configuration stays", MessageOf(config.status()));
  }
  server_.ReopenAudit();
  policy_.Changed();
  certificates_.Changed();
  if (!config_.gateway.policy.empty()) ReloadPolicy("SIGHUP");
  if (!config_.tls.empty()) ReloadCertificates("SIGHUP");
}

}  // namespace stillframe
