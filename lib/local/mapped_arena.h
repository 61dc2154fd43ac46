// An arena of the daemon, mapped read-only into this process segment by segment.
//
// Thread-safe. Mapped segments stay mapped, at one address, as long as the object lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "base/mutex.h"
#include "base/unique_fd.h"

namespace stillframe {

class MappedArena {
 public:
  // INVALID_ARGUMENT unless `segment_bytes` is a power of two of at least one page.
  static absl::StatusOr<std::shared_ptr<MappedArena>> Create(std::uint64_t segment_bytes);

  // Gets the descriptors of segments [first, first + count) from the daemon.
  using Fetch = std::function<absl::StatusOr<std::vector<UniqueFd>>(std::uint32_t first,
                                                                    std::uint32_t count)>;

  // Where the first `count` segments are, mapping those that are not yet. Blocks in `fetch`.
  // FAILED_PRECONDITION when a segment could be changed in size under the mapping.
  absl::StatusOr<std::vector<const std::byte*>> Segments(std::uint32_t count, const Fetch& fetch)
      ABSL_LOCKS_EXCLUDED(mu_);

  std::uint64_t segment_bytes() const { return segment_bytes_; }
  std::uint32_t slots_per_segment() const;

 private:
  explicit MappedArena(std::uint64_t segment_bytes) : segment_bytes_(segment_bytes) {}

  const std::uint64_t segment_bytes_;
  Mutex mu_;  // held over fetch: pins of one arena wait for each other, and map nothing twice
  std::vector<Mapping> segments_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe
