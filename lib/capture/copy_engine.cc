#include "capture/copy_engine.h"

#include <cstring>
#include <vector>

#include "base/units.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace stillframe {
namespace {

void CopyWithLibc(std::span<const CopyPiece> pieces) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (i + 1 < pieces.size()) __builtin_prefetch(pieces[i + 1].from);
    std::memcpy(pieces[i].to, pieces[i].from, pieces[i].pages * kPageBytes);
  }
}

#if defined(__x86_64__)

// How far the reads run ahead of the copy. Hardware prefetchers stop at the end of a page, so in
// scattered sets all of the next page is asked for.
constexpr std::size_t kAheadBytes = 512;
constexpr std::size_t kAheadScatteredBytes = kPageBytes;
constexpr std::size_t kStepBytes = 128;

// Copies are read much later, if ever: stores that bypass the cache spare the read of the
// destination line and the guest's own cached lines. `copy_step` moves kStepBytes.
template <typename CopyStep>
__attribute__((always_inline)) inline void CopyAhead(std::span<const CopyPiece> pieces,
                                                     CopyStep copy_step) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const CopyPiece& piece = pieces[i];
    const std::size_t bytes = piece.pages * kPageBytes;
    const bool last = i + 1 == pieces.size();
    const std::byte* next = last ? piece.from : pieces[i + 1].from;
    const std::size_t next_bytes = last ? 0 : pieces[i + 1].pages * kPageBytes;
    const std::size_t ahead_bytes = piece.pages == 1 ? kAheadScatteredBytes : kAheadBytes;
    for (std::size_t at = 0; at < bytes; at += kStepBytes) {
      const std::byte* ahead = piece.from + at + ahead_bytes;
      if (at + ahead_bytes >= bytes) {
        const std::size_t into = at + ahead_bytes - bytes;
        ahead = into < next_bytes ? next + into : piece.from + at;
      }
      _mm_prefetch(reinterpret_cast<const char*>(ahead), _MM_HINT_NTA);
      _mm_prefetch(reinterpret_cast<const char*>(ahead + 64), _MM_HINT_NTA);
      copy_step(piece.to + at, piece.from + at);
    }
  }
  _mm_sfence();
}

__attribute__((target("avx2"))) void CopyWithAvx2(std::span<const CopyPiece> pieces) {
  CopyAhead(
      pieces, [](std::byte * to, const std::byte* from) __attribute__((target("avx2"))) {
        const auto* source = reinterpret_cast<const __m256i*>(from);
        auto* target = reinterpret_cast<__m256i*>(to);
        const __m256i a = _mm256_load_si256(source);
        const __m256i b = _mm256_load_si256(source + 1);
        const __m256i c = _mm256_load_si256(source + 2);
        const __m256i d = _mm256_load_si256(source + 3);
        _mm256_stream_si256(target, a);
        _mm256_stream_si256(target + 1, b);
        _mm256_stream_si256(target + 2, c);
        _mm256_stream_si256(target + 3, d);
      });
}

__attribute__((target("avx512f"))) void CopyWithAvx512(std::span<const CopyPiece> pieces) {
  CopyAhead(
      pieces, [](std::byte * to, const std::byte* from) __attribute__((target("avx512f"))) {
        const __m512i a = _mm512_load_si512(from);
        const __m512i b = _mm512_load_si512(from + 64);
        _mm512_stream_si512(reinterpret_cast<__m512i*>(to), a);
        _mm512_stream_si512(reinterpret_cast<__m512i*>(to + 64), b);
      });
}

#endif

std::vector<CopyEngine> Find() {
  std::vector<CopyEngine> engines;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) engines.push_back({"avx512", CopyWithAvx512});
  if (__builtin_cpu_supports("avx2")) engines.push_back({"avx2", CopyWithAvx2});
#endif
  engines.push_back({"libc", CopyWithLibc});
  return engines;
}

}  // namespace

std::span<const CopyEngine> CopyEngines() {
  static const std::vector<CopyEngine> engines = Find();
  return engines;
}

}  // namespace stillframe
