// The two ways to a FlatView: over mapped memory, and by reading all of it.
#pragma once

#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "local/pinned_snapshot.h"
#include "stillframe/flat_view.h"
#include "stillframe/snapshot_reader.h"

namespace stillframe {

absl::StatusOr<std::unique_ptr<FlatView>> ShowFlat(std::shared_ptr<const PinnedSnapshot> snapshot);

// The copy is good for ever.
absl::StatusOr<std::unique_ptr<FlatView>> CopyFlat(SnapshotReader& reader, std::stop_token stop);

}  // namespace stillframe
