#include "bench/scale/sim_daemon.h"

#include <fmt/format.h>

#include <chrono>
#include <future>
#include <utility>

#include "base/status.h"
#include "support/eventually.h"

namespace stillframe::bench {

absl::StatusOr<std::unique_ptr<SimDaemon>> SimDaemon::Start(std::uint64_t guest_mib) {
  std::unique_ptr<SimDaemon> daemon(new SimDaemon(guest_mib));
  StackSetup setup;
  setup.backends =
      fmt::format("qemu_qmp_globs = []\nsim_directory = \"{}\"", daemon->sockets_.path());
  setup.defaults = "period_ms = 0";
  SF_ASSIGN_OR_RETURN(daemon->stack_, Stack::Start(setup));
  SF_ASSIGN_OR_RETURN(daemon->client_, LocalClient::Connect(daemon->socket_path()));
  return daemon;
}

std::string SimDaemon::NameOf(std::size_t guest) const { return fmt::format("guest{}", guest); }

absl::Status SimDaemon::GrowTo(std::size_t guests) {
  while (guests_.size() < guests) {
    const std::vector<std::string> arguments = {
        "--ram-mib", std::to_string(guest_mib_), "--workload",
        "random",    "--dirty-pages-per-second", "100"};
    SF_ASSIGN_OR_RETURN(auto guest,
                        SimProcess::Start(sockets_.path(), NameOf(guests_.size()), arguments));
    guests_.push_back(std::move(guest));
  }
  // A new guest's arena is faulted in: that can take a second.
  absl::Status status;
  const bool captured = Eventually(
      [&] {
        status = CaptureAll().status();
        return status.ok();
      },
      std::chrono::seconds(30) + guests * std::chrono::seconds(2));
  return captured ? absl::OkStatus() : status;
}

absl::StatusOr<std::vector<v1::Snapshot>> SimDaemon::CaptureAll() {
  std::vector<std::promise<absl::StatusOr<v1::Snapshot>>> taken(guests_.size());
  std::vector<std::unique_ptr<LocalClient::Operation>> captures;
  for (std::size_t i = 0; i < guests_.size(); ++i) {
    captures.push_back(client_->Capture(NameOf(i), [&taken, i](absl::StatusOr<v1::Snapshot> done) {
      taken[i].set_value(std::move(done));
    }));
  }
  std::vector<v1::Snapshot> snapshots;
  absl::Status status;
  for (auto& promise : taken) {  // all of them, also after an error: they write into `taken`
    auto snapshot = promise.get_future().get();
    status.Update(snapshot.status());
    if (snapshot.ok()) snapshots.push_back(*std::move(snapshot));
  }
  SF_RETURN_IF_ERROR(status);
  return snapshots;
}

}  // namespace stillframe::bench
