#include "bench/support/copy_ceiling.h"

#include <immintrin.h>

#include <cstring>

namespace stillframe::bench {
namespace {

__attribute__((target("avx2"))) void CopyWithAvx2(std::byte* to, const std::byte* from,
                                                  std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 128) {
    _mm_prefetch(reinterpret_cast<const char*>(from + at + 512), _MM_HINT_NTA);
    _mm_prefetch(reinterpret_cast<const char*>(from + at + 576), _MM_HINT_NTA);
    for (std::size_t i = 0; i < 128; i += 32) {
      _mm256_stream_si256(reinterpret_cast<__m256i*>(to + at + i),
                          _mm256_load_si256(reinterpret_cast<const __m256i*>(from + at + i)));
    }
  }
  _mm_sfence();
}

}  // namespace

void CopyAtCeiling(std::byte* to, const std::byte* from, std::size_t bytes) {
  if (__builtin_cpu_supports("avx2")) {
    CopyWithAvx2(to, from, bytes);
  } else {
    std::memcpy(to, from, bytes);
  }
}

}  // namespace stillframe::bench
