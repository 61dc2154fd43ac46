// A stretch of addresses as long as a guest's memory, made run by run into what the guest sees.
//
// Thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/units.h"
#include "local/pinned_snapshot.h"

namespace stillframe {

class FlatMemory {
 public:
  // Everything reads as zeros.
  static absl::StatusOr<FlatMemory> Reserve(std::uint64_t pages);

  // The whole snapshot. Long runs show the arena's memory at a second address; short ones are
  // copied, because a mapping each costs more and processes may have some 65,000 of them.
  static absl::StatusOr<FlatMemory> Of(const PinnedSnapshot& snapshot);

  void Copy(GfnRange range, std::span<const std::byte> bytes);

  // From now on touching these pages is a fault.
  absl::Status Forbid(GfnRange range);

  std::span<const std::byte> bytes() const { return {at_.get(), at_.get_deleter().size}; }

 private:
  struct Unmap {
    std::size_t size = 0;
    void operator()(std::byte* at) const;
  };

  FlatMemory(std::byte* at, std::size_t size) : at_(at, Unmap{size}) {}
  bool Show(GfnRange range, const std::byte* shared);

  std::unique_ptr<std::byte, Unmap> at_;
};

}  // namespace stillframe
