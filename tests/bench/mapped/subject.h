// One snapshot of the benchmark's guest as a local reader has it, and the same bytes in a plain
// file beside it.
//
// Owned by one thread.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "base/unique_fd.h"
#include "bench/server/bench_server.h"
#include "local/client.h"
#include "stillframe/connection.h"
#include "stillframe/flat_view.h"
#include "stillframe/snapshot_reader.h"

namespace stillframe::bench {

struct Subject {
  static absl::StatusOr<Subject> Open(const BenchServer& server, std::uint64_t generation);

  std::uint64_t bytes() const { return plain.size(); }

  UniqueFd file;
  Mapping plain;  // of `file`, faulted in
  std::shared_ptr<LocalClient> client;
  std::shared_ptr<PinnedSnapshot> pinned;
  std::unique_ptr<SnapshotReader> reader;
  std::unique_ptr<FlatView> flat;
};

}  // namespace stillframe::bench
