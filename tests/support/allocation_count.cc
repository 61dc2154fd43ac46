#include "support/allocation_count.h"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace stillframe {
namespace {

thread_local std::uint64_t allocations = 0;

void* Allocate(std::size_t bytes, std::size_t alignment) {
  ++allocations;
  if (bytes == 0) bytes = 1;
  void* at = alignment <= alignof(std::max_align_t)
                 ? std::malloc(bytes)
                 : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (at == nullptr) std::abort();
  return at;
}

}  // namespace

std::uint64_t ThreadAllocations() { return allocations; }

}  // namespace stillframe

void* operator new(std::size_t bytes) { return stillframe::Allocate(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return stillframe::Allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* at) noexcept { std::free(at); }
void operator delete(void* at, std::size_t) noexcept { std::free(at); }
void operator delete(void* at, std::align_val_t) noexcept { std::free(at); }
void operator delete(void* at, std::size_t, std::align_val_t) noexcept { std::free(at); }
