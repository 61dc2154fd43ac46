#include "guest/machine_to_guest.h"

#include <algorithm>

namespace stillframe {

MachineToGuest::MachineToGuest(std::span<const std::uint64_t> machine_frames) {
  const auto can_be_named = [](std::uint64_t frame) { return frame < kMachineFramesMax; };
  entries_.reserve(static_cast<std::size_t>(
      std::count_if(machine_frames.begin(), machine_frames.end(), can_be_named)));
  for (std::size_t page = 0; page < machine_frames.size(); ++page) {
    if (can_be_named(machine_frames[page])) entries_.push_back({machine_frames[page], Gfn{page}});
  }
  std::sort(entries_.begin(), entries_.end());
}

std::optional<Gfn> MachineToGuest::Find(std::uint64_t machine_frame) const {
  const auto found = std::lower_bound(entries_.begin(), entries_.end(), Entry{machine_frame, {}});
  if (found == entries_.end() || found->machine_frame != machine_frame) return std::nullopt;
  return found->gfn;
}

}  // namespace stillframe
