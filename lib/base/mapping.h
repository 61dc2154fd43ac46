// Owns one mmap()ed region; unmaps it when it goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"

namespace stillframe {

enum class Access { kReadOnly, kReadWrite };

class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  // Maps `bytes` of `fd` from `offset`, shared. Errors carry errno's meaning.
  static absl::StatusOr<Mapping> Shared(int fd, std::uint64_t offset, std::size_t bytes,
                                        Access access);

  // Faults every page in now, so that later accesses do not: MADV_POPULATE_WRITE or _READ.
  absl::Status Populate(Access access);

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::span<std::byte> span() const { return {data_, size_}; }

 private:
  Mapping(std::byte* data, std::size_t size) : data_(data), size_(size) {}

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace stillframe
