// Copies scattered pages as fast as one core can.
//
// Stateless, so thread-safe; neither allocates nor waits.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace stillframe {

// `pages` whole pages between page-aligned, non-overlapping places.
struct CopyPiece {
  std::byte* to = nullptr;
  const std::byte* from = nullptr;
  std::size_t pages = 0;
};

// Copies the pieces in order, fetching the next one's first lines while the last lines of the one
// before are copied: scattered dirty pages cost twice as much without. When it returns, the copies
// are visible to every thread that is told so.
using CopyPieces = void (*)(std::span<const CopyPiece> pieces);

struct CopyEngine {
  std::string_view name;
  CopyPieces copy = nullptr;
};

// The ways to copy that this processor has, the preferred one first; memcpy is always the last.
std::span<const CopyEngine> CopyEngines();

inline const CopyEngine& BestCopyEngine() { return CopyEngines().front(); }

}  // namespace stillframe
