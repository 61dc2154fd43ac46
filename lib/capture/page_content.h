// What the finish phase asks about page copies.
//
// Stateless, so thread-safe.
#pragma once

#include <cstddef>

namespace stillframe {

// Whether two whole pages have the same bytes, and whether a page has none but zeros.
bool SamePage(const std::byte* a, const std::byte* b);
bool IsZeroPage(const std::byte* page);

}  // namespace stillframe
