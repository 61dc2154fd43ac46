// SnapshotReader over mapped memory.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "local/client.h"
#include "stillframe/snapshot_reader.h"

namespace stillframe {

absl::StatusOr<std::unique_ptr<SnapshotReader>> OpenLocalSnapshot(
    std::shared_ptr<LocalClient> client, const v1::SnapshotSelector& selector);

}  // namespace stillframe
