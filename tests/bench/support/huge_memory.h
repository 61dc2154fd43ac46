// Private memory in huge pages where the kernel gives them, faulted in: the friendliest place to
// copy from and to.
//
// Thread-compatible.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace stillframe::bench {

class HugeMemory {
 public:
  explicit HugeMemory(std::size_t bytes) : size_(bytes + kHugePageBytes) {
    base_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) return;
    const auto at = reinterpret_cast<std::uintptr_t>(base_);
    data_ =
        reinterpret_cast<std::byte*>((at + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes);
    madvise(data_, bytes, MADV_HUGEPAGE);
    madvise(data_, bytes, MADV_POPULATE_WRITE);
  }
  ~HugeMemory() {
    if (base_ != MAP_FAILED) munmap(base_, size_);
  }
  HugeMemory(const HugeMemory&) = delete;
  HugeMemory& operator=(const HugeMemory&) = delete;

  // Null when there was not enough memory.
  std::byte* data() const { return data_; }

 private:
  static constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;
  const std::size_t size_;
  void* base_ = MAP_FAILED;
  std::byte* data_ = nullptr;
};

}  // namespace stillframe::bench
