#include "local/selector.h"

#include <fmt/format.h>

#include <optional>

#include "base/reason.h"
#include "base/status.h"

namespace stillframe {

absl::Status CheckEpoch(const std::string& wanted, const Epoch& current, const std::string& guest) {
  if (wanted.empty()) return absl::OkStatus();
  const std::optional<Epoch> parsed = Uuid::Parse(wanted);
  if (!parsed.has_value()) {
    return absl::InvalidArgumentError(fmt::format("epoch \"{}\" is not a UUID", wanted));
  }
  if (*parsed == current) return absl::OkStatus();
  return WithReason(
      absl::FailedPreconditionError(fmt::format(
          "guest {} is in epoch {} now, not in {}: it rebooted or stillframed restarted; its "
          "generations began at 1 again",
          guest, current.ToString(), parsed->ToString())),
      "EPOCH_CHANGED", {{"epoch", current.ToString()}});
}

absl::StatusOr<std::shared_ptr<SnapshotStore>> FindStore(const GuestDirectory& directory,
                                                         const v1::SnapshotSelector& selector) {
  SF_ASSIGN_OR_RETURN(std::shared_ptr<SnapshotStore> store, directory.FindStore(selector.guest()));
  SF_RETURN_IF_ERROR(CheckEpoch(selector.epoch(), store->epoch(), selector.guest()));
  return store;
}

}  // namespace stillframe
