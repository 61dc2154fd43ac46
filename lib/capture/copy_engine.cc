#include "capture/copy_engine.h"

#include <cstring>

#include "base/units.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace stillframe {
namespace {

void CopyWithLibc(std::byte* to, const std::byte* from, std::size_t pages, const std::byte* next) {
  if (next != nullptr) __builtin_prefetch(next);
  std::memcpy(to, from, pages * kPageBytes);
}

#if defined(__x86_64__)

// Copies are read much later, if ever: stores that bypass the cache spare the read of the
// destination line and the guest's own cached lines.
__attribute__((target("avx2"))) void CopyNonTemporal(std::byte* to, const std::byte* from,
                                                     std::size_t pages, const std::byte* next) {
  constexpr std::size_t kPrefetchAheadBytes = 512;
  constexpr std::size_t kStepBytes = 128;
  const std::size_t bytes = pages * kPageBytes;
  for (std::size_t at = 0; at < bytes; at += kStepBytes) {
    const std::byte* ahead = from + at + kPrefetchAheadBytes;
    if (at + kPrefetchAheadBytes >= bytes && next != nullptr) {
      ahead = next + (at + kPrefetchAheadBytes - bytes);
    }
    _mm_prefetch(reinterpret_cast<const char*>(ahead), _MM_HINT_NTA);
    _mm_prefetch(reinterpret_cast<const char*>(ahead + 64), _MM_HINT_NTA);
    const auto* source = reinterpret_cast<const __m256i*>(from + at);
    auto* target = reinterpret_cast<__m256i*>(to + at);
    const __m256i a = _mm256_load_si256(source);
    const __m256i b = _mm256_load_si256(source + 1);
    const __m256i c = _mm256_load_si256(source + 2);
    const __m256i d = _mm256_load_si256(source + 3);
    _mm256_stream_si256(target, a);
    _mm256_stream_si256(target + 1, b);
    _mm256_stream_si256(target + 2, c);
    _mm256_stream_si256(target + 3, d);
  }
  _mm_sfence();
}

#endif

CopyEngine Choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return {"avx2 non-temporal", CopyNonTemporal};
#endif
  return {"libc", CopyWithLibc};
}

}  // namespace

const CopyEngine& BestCopyEngine() {
  static const CopyEngine engine = Choose();
  return engine;
}

}  // namespace stillframe
