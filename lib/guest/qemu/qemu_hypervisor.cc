#include "guest/qemu/qemu_hypervisor.h"

#include <fmt/format.h>
#include <glob.h>
#include <poll.h>
#include <sys/stat.h>

#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "base/status.h"
#include "guest/qemu/query.h"
#include "nlohmann/json.hpp"

namespace stillframe {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kGreetingTimeout{100};
constexpr std::size_t kMonitorsMax = 1024;

std::string FileStem(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  if (const std::size_t dot = name.rfind('.'); dot != std::string::npos && dot > 0) {
    name.resize(dot);
  }
  return name;
}

}  // namespace

std::vector<std::string> QemuHypervisor::Sockets() const {
  std::set<std::string> paths;
  for (const std::string& pattern : options_.qmp_globs) {
    glob_t found{};
    if (glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
      for (std::size_t i = 0; i < found.gl_pathc && paths.size() < kMonitorsMax; ++i) {
        struct stat file {};
        const char* path = found.gl_pathv[i];
        if (stat(path, &file) == 0 && S_ISSOCK(file.st_mode)) paths.insert(path);
      }
    }
    globfree(&found);
  }
  return {paths.begin(), paths.end()};
}

absl::Status QemuHypervisor::Introduce(const std::string& path, Monitor& monitor) {
  QmpConnection& qmp = *monitor.qmp;
  const absl::StatusOr<nlohmann::json> uuid = qmp.Execute("query-uuid", nullptr, kQueryTimeout);
  SF_RETURN_IF_ERROR(uuid.status());
  const std::optional<Uuid> id = Uuid::Parse(TextOf(*uuid, "UUID"));
  bool taken = !id || id->is_nil();
  for (const auto& [other_path, other] : monitors_) {
    taken |= other_path != path && id == other.identity.id;  // a clone: the first one keeps it
  }
  if (!taken) monitor.identity.id = *id;
  const absl::StatusOr<nlohmann::json> name = qmp.Execute("query-name", nullptr, kQueryTimeout);
  if (const std::string_view text = name.ok() ? TextOf(*name, "name") : ""; !text.empty()) {
    monitor.identity.name = text;
  }
  SF_ASSIGN_OR_RETURN(std::string mtree, qmp.ExecuteHuman("info mtree -f", kQueryTimeout));
  SF_ASSIGN_OR_RETURN(std::vector<FlatRange> ranges, ParseSystemFlatView(mtree));
  monitor.readable = OpenQemuRam(qmp, ranges).status();
  monitor.introduced = true;
  return absl::OkStatus();
}

void QemuHypervisor::Look(const std::string& path, Monitor& monitor) {
  if (monitor.presence != nullptr) {
    pollfd exited{monitor.presence->process.get(), POLLIN, 0};
    if (monitor.presence->open && poll(&exited, 1, 0) == 0) {
      monitor.state = monitor.presence->state;
      return;
    }
    monitor = Monitor{};  // whoever answers there now may be another QEMU
  }
  if (monitor.identity.backend == Backend::kNone) {
    monitor.identity = {Uuid::OfName(path), FileStem(path), Backend::kQemu};
  }
  milliseconds greeting_timeout{0};
  if (monitor.qmp == nullptr) {
    absl::StatusOr<std::unique_ptr<QmpConnection>> connected = QmpConnection::Connect(path);
    if (!connected.ok()) {
      monitor.readable = Annotate(connected.status(), "no QEMU answers");
      return;
    }
    monitor.qmp = *std::move(connected);
    greeting_timeout = kGreetingTimeout;
  }
  // A monitor in use leaves us in its queue: when it becomes free, its greeting is there.
  absl::Status looked = monitor.qmp->Negotiate(greeting_timeout);
  if (absl::IsDeadlineExceeded(looked)) {
    monitor.readable = absl::UnavailableError(MessageOf(looked));
    return;
  }
  if (looked.ok() && !monitor.introduced) looked = Introduce(path, monitor);
  if (looked.ok()) looked = monitor.qmp->Drain();
  if (looked.ok()) {
    const absl::StatusOr<nlohmann::json> status =
        monitor.qmp->Execute("query-status", nullptr, kQueryTimeout);
    looked = status.status();
    if (status.ok()) monitor.state = StateOf(TextOf(*status, "status")).run_state;
  }
  if (!looked.ok()) {
    monitor = Monitor{};
    monitor.identity = {Uuid::OfName(path), FileStem(path), Backend::kQemu};
    monitor.readable = looked;
  }
}

absl::StatusOr<std::vector<GuestListing>> QemuHypervisor::List() {
  const std::vector<std::string> paths = Sockets();
  const std::set<std::string> present(paths.begin(), paths.end());
  std::erase_if(monitors_, [&](const auto& entry) { return !present.contains(entry.first); });
  std::vector<GuestListing> listings;
  for (const std::string& path : paths) {
    Monitor& monitor = monitors_[path];
    Look(path, monitor);
    if (absl::IsNotFound(monitor.readable)) continue;  // its QEMU is gone
    listings.push_back({monitor.identity, monitor.state, monitor.readable});
  }
  return listings;
}

absl::StatusOr<std::unique_ptr<Guest>> QemuHypervisor::Open(const GuestId& id) {
  SF_RETURN_IF_ERROR(List().status());
  for (auto& [path, monitor] : monitors_) {
    if (monitor.identity.id != id || absl::IsNotFound(monitor.readable)) continue;
    if (monitor.presence != nullptr) {
      return absl::FailedPreconditionError(
          fmt::format("open guest {}: it is open already", monitor.identity.name));
    }
    if (!monitor.readable.ok()) {
      return absl::FailedPreconditionError(
          fmt::format("open guest {}: {}", monitor.identity.name, MessageOf(monitor.readable)));
    }
    monitor.presence = std::make_shared<QemuPresence>();
    monitor.presence->state = monitor.state;
    monitor.presence->process = monitor.qmp->DuplicatePeer();
    return std::make_unique<QemuGuest>(monitor.identity, path, std::move(monitor.qmp),
                                       options_.msrs, monitor.presence);
  }
  return absl::NotFoundError(fmt::format("open guest {}: no QEMU monitor shows it", id.ToString()));
}

}  // namespace stillframe
