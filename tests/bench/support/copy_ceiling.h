// The fastest copy that one thread of this machine makes: what the product's is measured against.
//
// Thread-safe.
#pragma once

#include <cstddef>

namespace stillframe::bench {

// Non-temporal AVX2 stores with prefetch 512 bytes ahead, into memory that is faulted in; memcpy
// where the processor has no AVX2. 128-byte multiples between 32-byte aligned places.
void CopyAtCeiling(std::byte* to, const std::byte* from, std::size_t bytes);

}  // namespace stillframe::bench
