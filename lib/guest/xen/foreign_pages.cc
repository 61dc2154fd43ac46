#include "guest/xen/foreign_pages.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "guest/xen/xen_control.h"

namespace stillframe {

absl::StatusOr<ForeignPages> ForeignPages::Map(std::shared_ptr<ForeignMemory> memory,
                                               std::span<const xen_pfn_t> frames) {
  ForeignPages pages;
  pages.errors_.assign(frames.size(), 0);
  // Non-null although every page failed, as it may be (xenforeignmemory.h, 4.17).
  void* data = xenforeignmemory_map(memory->get(), memory->domid(), PROT_READ, frames.size(),
                                    frames.data(), pages.errors_.data());
  if (data == nullptr) {
    return XenStatus(errno, fmt::format("map {} pages of domain {} from frame {:#x}", frames.size(),
                                        memory->domid(), frames.empty() ? 0 : frames.front()));
  }
  pages.data_ = static_cast<std::byte*>(data);
  pages.memory_ = std::move(memory);
  return pages;
}

ForeignPages::ForeignPages(ForeignPages&& other) noexcept
    : memory_(std::move(other.memory_)),
      data_(std::exchange(other.data_, nullptr)),
      errors_(std::move(other.errors_)) {}

ForeignPages::~ForeignPages() {
  if (data_ != nullptr) xenforeignmemory_unmap(memory_->get(), data_, errors_.size());
}

}  // namespace stillframe
