// The vocabulary of page maps: where the bytes of one guest page are.
//
// A page map holds one 32-bit slot per guest frame. A slot is a page of the arena, counted through
// its segments, or one of the reserved values for pages without bytes. Part of the local protocol:
// readers decode it too.
#pragma once

#include <cstdint>
#include <string_view>

#include "guest/memory_map.h"

namespace stillframe {

using Slot = std::uint32_t;

enum class PageState : std::uint8_t { kPresent, kZero, kHole, kBallooned, kMmio, kUnreadable };

inline constexpr Slot kZeroSlot = 0xffffffffu;
inline constexpr Slot kHoleSlot = 0xfffffffeu;
inline constexpr Slot kBalloonedSlot = 0xfffffffdu;
inline constexpr Slot kMmioSlot = 0xfffffffcu;
inline constexpr Slot kUnreadableSlot = 0xfffffffbu;
inline constexpr Slot kSlotsMax = 0xfffffff0u;  // slots below are pages of the arena

// Reserved values that no state uses count as unreadable: a map from outside may hold them.
constexpr PageState StateOf(Slot slot) {
  if (slot < kSlotsMax) return PageState::kPresent;
  switch (slot) {
    case kZeroSlot:
      return PageState::kZero;
    case kHoleSlot:
      return PageState::kHole;
    case kBalloonedSlot:
      return PageState::kBallooned;
    case kMmioSlot:
      return PageState::kMmio;
    default:
      return PageState::kUnreadable;
  }
}

// The slot of a page that a region of `kind` has no bytes for. kZeroSlot for RAM and ROM.
constexpr Slot EmptySlotOf(RegionKind kind) {
  switch (kind) {
    case RegionKind::kRam:
    case RegionKind::kRom:
      return kZeroSlot;
    case RegionKind::kMmio:
      return kMmioSlot;
    case RegionKind::kBallooned:
      return kBalloonedSlot;
    case RegionKind::kUnreadable:
      return kUnreadableSlot;
    case RegionKind::kHole:
      return kHoleSlot;
  }
  return kUnreadableSlot;
}

}  // namespace stillframe
