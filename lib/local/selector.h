// Finding what a request names.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "local/guest_directory.h"
#include "stillframe/v1/snapshot.pb.h"
#include "store/snapshot_store.h"

namespace stillframe {

// FAILED_PRECONDITION with reason EPOCH_CHANGED unless `wanted` is empty or the text of `current`;
// INVALID_ARGUMENT when it is no UUID.
absl::Status CheckEpoch(const std::string& wanted, const Epoch& current, const std::string& guest);

// The store that `selector` means. Errors as GuestDirectory::FindStore and CheckEpoch.
absl::StatusOr<std::shared_ptr<SnapshotStore>> FindStore(const GuestDirectory& directory,
                                                         const v1::SnapshotSelector& selector);

}  // namespace stillframe
