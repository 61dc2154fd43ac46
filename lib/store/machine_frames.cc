#include "store/machine_frames.h"

#include <fmt/format.h>

#include "base/memfd.h"
#include "base/status.h"

namespace stillframe {

absl::StatusOr<MachineFrames> MachineFrames::Seal(const std::string& name,
                                                  std::span<const std::uint64_t> frames) {
  if (frames.empty()) return absl::InvalidArgumentError("a guest has at least one page");
  SF_ASSIGN_OR_RETURN(UniqueFd fd, SealedCopy(name, std::as_bytes(frames)));
  return Open(std::move(fd), frames.size());
}

absl::StatusOr<MachineFrames> MachineFrames::Open(UniqueFd fd, std::uint64_t pages) {
  if (pages == 0 || pages > kGuestPagesMax) {
    return absl::InvalidArgumentError(fmt::format("machine frames of {} pages", pages));
  }
  const std::size_t bytes = pages * sizeof(std::uint64_t);
  SF_RETURN_IF_ERROR(CheckSealedForever(fd.get(), bytes));
  SF_ASSIGN_OR_RETURN(Mapping mapping, Mapping::Shared(fd.get(), 0, bytes, Access::kReadOnly));
  return MachineFrames(std::move(fd), std::move(mapping), pages);
}

}  // namespace stillframe
