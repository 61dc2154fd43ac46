// The pages that a guest wrote in its last moments of running: in the last 20 ms of CPU time at
// least, and the last 40 at most.
//
// Xen raises events in pages of the guest without its dirty log noticing; the guest then answers in
// the same pages, which is logged. An event that was raised just before a pause is not answered
// yet, but the pages where the guest answered the last ones are recent: guests answer their timer
// every 10 ms at least (HZ=100) while they run.
//
// Owned by the guest's thread.
#pragma once

#include <cstdint>
#include <utility>

#include "guest/page_bitmap.h"

namespace stillframe {

class RecentWrites {
 public:
  // Whether every page is recent.
  bool all() const { return all_; }

  // At least as many pages as are recent.
  std::uint64_t Count() const { return newer_.Count() + older_.Count(); }

  // Forgets all, unless `pages` is the size already.
  void Resize(std::uint64_t pages) {
    if (pages == newer_.size()) return;
    newer_ = PageBitmap(pages);
    older_ = PageBitmap(pages);
    SetAll();
  }

  // What the guest wrote is not known: every page may be recent. [window]
  void SetAll() {
    all_ = true;
    newer_.ClearAll();
    older_.ClearAll();
    cpu_ns_ = 0;
  }

  // Takes note of `dirty`, of the same size, written while the guest ran for `cpu_ns`. [window]
  void Note(const PageBitmap& dirty, std::uint64_t cpu_ns) {
    if (cpu_ns_ >= kSpanCpuNs) {
      all_ = false;
      std::swap(newer_, older_);
      newer_.ClearAll();
      cpu_ns_ = 0;
    }
    newer_.Or(dirty);
    cpu_ns_ += cpu_ns;
    if (cpu_ns_ >= kSpanCpuNs) all_ = false;
  }

  // ORs into `dirty` what is recent; not when every page is. [window]
  void AddTo(PageBitmap& dirty) const {
    dirty.Or(newer_);
    dirty.Or(older_);
  }

 private:
  static constexpr std::uint64_t kSpanCpuNs = 20'000'000;

  PageBitmap newer_, older_;
  bool all_ = true;
  std::uint64_t cpu_ns_ = 0;  // what newer_ covers
};

}  // namespace stillframe
