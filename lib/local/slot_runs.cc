#include "local/slot_runs.h"

namespace stillframe {
namespace {

constexpr std::size_t kBlock = 16;

// How many slots from the first on equal first + i * step.
template <Slot step>
std::size_t CountSequence(std::span<const Slot> slots) {
  const Slot first = slots.front();
  std::size_t count = 1;
  while (count + kBlock <= slots.size()) {
    Slot difference = 0;
    const Slot expected = first + static_cast<Slot>(count) * step;
    for (std::size_t i = 0; i < kBlock; ++i) {
      difference |= slots[count + i] ^ (expected + static_cast<Slot>(i) * step);
    }
    if (difference != 0) break;
    count += kBlock;
  }
  while (count < slots.size() && slots[count] == first + static_cast<Slot>(count) * step) ++count;
  return count;
}

}  // namespace

bool SlotsAreWithin(std::span<const Slot> slots, Slot end) {
  // slot - end wraps around for slots below `end`, so one comparison finds [end, kSlotsMax).
  const Slot forbidden = kSlotsMax - end;
  Slot bad = 0;
  for (const Slot slot : slots) bad |= static_cast<Slot>(slot - end < forbidden);
  return bad == 0;
}

std::size_t CountConsecutive(std::span<const Slot> slots) { return CountSequence<1>(slots); }

std::size_t CountSameState(std::span<const Slot> slots) {
  const PageState state = StateOf(slots.front());
  std::size_t count = 0;
  // Several reserved values can mean one state.
  while (count < slots.size() && StateOf(slots[count]) == state) {
    count += CountSequence<0>(slots.subspan(count));
  }
  return count;
}

}  // namespace stillframe
