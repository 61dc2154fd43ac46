#include "guest/xen/foreign_pages.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <utility>

namespace stillframe {

absl::StatusOr<ForeignPages> ForeignPages::Map(std::shared_ptr<XenHandles> handles,
                                               std::uint32_t domid,
                                               std::span<const xen_pfn_t> frames) {
  ForeignPages pages;
  pages.errors_.assign(frames.size(), 0);
  // Non-null although every page failed, as it may be (xenforeignmemory.h, 4.17).
  void* data = xenforeignmemory_map(handles->memory(), domid, PROT_READ, frames.size(),
                                    frames.data(), pages.errors_.data());
  if (data == nullptr) {
    return XenStatus(errno, fmt::format("map {} pages of domain {} from frame {:#x}", frames.size(),
                                        domid, frames.empty() ? 0 : frames.front()));
  }
  pages.data_ = static_cast<std::byte*>(data);
  pages.handles_ = std::move(handles);
  return pages;
}

ForeignPages::ForeignPages(ForeignPages&& other) noexcept
    : handles_(std::move(other.handles_)),
      data_(std::exchange(other.data_, nullptr)),
      errors_(std::move(other.errors_)) {}

ForeignPages::~ForeignPages() {
  if (data_ != nullptr) xenforeignmemory_unmap(handles_->memory(), data_, errors_.size());
}

}  // namespace stillframe
