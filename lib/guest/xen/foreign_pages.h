// Pages of a domain, mapped read-only and side by side into this process.
//
// Immutable; unmapped when it goes, from any thread. For as long as it lives, Xen cannot free
// these pages: a domain that was destroyed stays as a zombie, ballooned memory stays allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/units.h"
#include "guest/xen/foreign_memory.h"

namespace stillframe {

class ForeignPages {
 public:
  ForeignPages(ForeignPages&& other) noexcept;
  ForeignPages& operator=(ForeignPages&&) = delete;
  ~ForeignPages();

  // Maps `frames` (gfns of a translated domain, machine frames of a PV one). OK when some or all
  // of them failed: missing() says which.
  static absl::StatusOr<ForeignPages> Map(std::shared_ptr<ForeignMemory> memory,
                                          std::span<const xen_pfn_t> frames);

  std::size_t size() const { return errors_.size(); }

  // Whether page `index` has nothing behind it; touching it is a SIGBUS.
  bool missing(std::size_t index) const { return errors_[index] != 0; }
  const std::byte* at(std::size_t index) const { return data_ + index * kPageBytes; }

 private:
  ForeignPages() = default;

  std::shared_ptr<ForeignMemory> memory_;
  std::byte* data_ = nullptr;
  std::vector<int> errors_;
};

}  // namespace stillframe
