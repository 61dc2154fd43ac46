#include "local_connection.h"

#include <fmt/format.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "base/mutex.h"
#include "base/reason.h"
#include "base/status.h"
#include "base/uuid.h"
#include "local/client.h"
#include "local/host_daemon.h"
#include "local_event_stream.h"
#include "local_snapshot_reader.h"
#include "resuming_watch.h"

namespace stillframe {
namespace {

// A LocalClient that is made anew after the daemon went away.
class LocalLink {
 public:
  explicit LocalLink(Target target) : target_(std::move(target)) {}

  absl::StatusOr<std::shared_ptr<LocalClient>> Client() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    if (client_ == nullptr || !client_->connected()) {
      auto connected = LocalClient::Connect(target_.address);
      if (!connected.ok()) return Unreachable(connected.status(), target_);
      client_ = *std::move(connected);
    }
    return client_;
  }

 private:
  const Target target_;
  Mutex mu_;
  std::shared_ptr<LocalClient> client_ ABSL_GUARDED_BY(mu_);
};

// The result of a capture, on its way from the receiving thread to the one that waits.
struct CaptureResult {
  Mutex mu;
  CondVar changed;
  std::optional<absl::StatusOr<v1::Snapshot>> result ABSL_GUARDED_BY(mu);
};

class LocalConnection final : public Connection {
 public:
  explicit LocalConnection(std::shared_ptr<LocalLink> link) : link_(std::move(link)) {}

  absl::StatusOr<v1::Access> WhoAmI() override {
    SF_RETURN_IF_ERROR(link_->Client().status());
    v1::Access access;
    access.set_principal(fmt::format("user:{}", geteuid()));
    access.set_peer(fmt::format("unix:pid={},uid={}", getpid(), geteuid()));
    v1::Access::Grant& grant = *access.add_grants();
    grant.add_guests("*");
    for (const char* const right : {"list", "read", "capture", "pin"}) grant.add_rights(right);
    return access;
  }

  absl::StatusOr<v1::Host> GetHost() override {
    SF_ASSIGN_OR_RETURN(const auto client, link_->Client());
    SF_ASSIGN_OR_RETURN(const local::v1::Stats stats, client->GetStats());
    v1::Host host;
    *host.mutable_daemon() = ToHostDaemon(stats);
    return host;
  }

  absl::StatusOr<std::vector<v1::Guest>> ListGuests() override {
    SF_ASSIGN_OR_RETURN(const auto client, link_->Client());
    return client->ListGuests();
  }

  absl::StatusOr<v1::Guest> GetGuest(const std::string& guest) override {
    SF_ASSIGN_OR_RETURN(const auto guests, ListGuests());
    const auto uuid = Uuid::Parse(guest);
    const v1::Guest* found = nullptr;
    for (const v1::Guest& candidate : guests) {
      if (uuid.has_value() && Uuid::Parse(candidate.uuid()) == uuid) return candidate;
      if (candidate.name() != guest) continue;
      if (found != nullptr) {
        return WithReason(absl::InvalidArgumentError(fmt::format(
                              "guest {}: several guests have this name; use the UUID", guest)),
                          "GUEST_NAME_AMBIGUOUS", {{"guest", guest}});
      }
      found = &candidate;
    }
    if (found != nullptr) return *found;
    return WithReason(absl::NotFoundError(fmt::format("guest {}: no such guest", guest)),
                      "GUEST_NOT_FOUND", {{"guest", guest}});
  }

  absl::StatusOr<std::vector<v1::Snapshot>> ListSnapshots(const std::string& guest) override {
    SF_ASSIGN_OR_RETURN(const auto client, link_->Client());
    return client->ListSnapshots(guest);
  }

  absl::StatusOr<v1::Snapshot> GetSnapshot(const v1::SnapshotSelector& selector) override {
    SF_ASSIGN_OR_RETURN(const auto client, link_->Client());
    return client->GetSnapshot(selector);
  }

  absl::StatusOr<v1::Snapshot> Capture(const std::string& guest, std::stop_token stop) override {
    SF_ASSIGN_OR_RETURN(const auto client, link_->Client());
    const auto shared = std::make_shared<CaptureResult>();
    const auto operation = client->Capture(guest, [shared](absl::StatusOr<v1::Snapshot> result) {
      MutexLock lock(shared->mu);
      shared->result = std::move(result);
      shared->changed.NotifyAll();
    });
    const std::stop_callback wake(stop, [shared] {
      MutexLock lock(shared->mu);
      shared->changed.NotifyAll();
    });
    MutexLock lock(shared->mu);
    while (!shared->result.has_value()) {
      if (stop.stop_requested()) {
        return absl::CancelledError(fmt::format("capture guest {}: withdrawn", guest));
      }
      shared->changed.Wait(shared->mu);
    }
    return *std::move(shared->result);
  }

  absl::StatusOr<std::unique_ptr<SnapshotReader>> OpenSnapshot(
      const v1::SnapshotSelector& selector) override {
    SF_ASSIGN_OR_RETURN(auto client, link_->Client());
    return OpenLocalSnapshot(std::move(client), selector);
  }

  absl::StatusOr<std::unique_ptr<SnapshotWatch>> Watch(const WatchOptions& options,
                                                       std::stop_token stop) override {
    return StartResumingWatch(
        options,
        [link = link_](const WatchOptions& from, const std::stop_token& stopping)
            -> absl::StatusOr<std::unique_ptr<EventStream>> {
          SF_ASSIGN_OR_RETURN(auto client, link->Client());
          return OpenLocalEventStream(std::move(client), from, stopping);
        },
        std::move(stop));
  }

 private:
  const std::shared_ptr<LocalLink> link_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> OpenLocalConnection(const Target& target) {
  SF_RETURN_IF_ERROR(TrySocket(target));
  auto link = std::make_shared<LocalLink>(target);
  SF_RETURN_IF_ERROR(link->Client().status());
  return std::make_unique<LocalConnection>(std::move(link));
}

}  // namespace stillframe
