// All memory of one generation at one stretch of addresses, as the guest has it: page N begins at
// byte N * 4096.
//
// Immutable, so thread-safe. Holds the generation by itself: it may outlive its reader.
#pragma once

#include <cstddef>
#include <span>

#include "absl/status/status.h"

namespace stillframe {

class FlatView {
 public:
  // Releases the pin and the addresses.
  virtual ~FlatView() = default;

  // Zero pages read as zeros. Whoever touches an absent page dies of SIGSEGV: nothing reads as
  // zeros that is not (SnapshotReader::ForEachAllocatedExtent tells where those are).
  virtual std::span<const std::byte> bytes() const = 0;

  // ABORTED with reason READ_LOST_PIN when what was read so far may be wrong.
  virtual absl::Status CheckHeld() const = 0;
};

}  // namespace stillframe
