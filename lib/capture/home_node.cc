#include "capture/home_node.h"

#include <algorithm>

namespace stillframe {
namespace {

constexpr std::uint64_t kSamplePages = 512;

}  // namespace

void HomeNode::Look(const GuestView& view, const PageBitmap& mapped) {
  if (host_ == nullptr) return;
  // Every so many pages of all that can be looked at.
  const std::uint64_t stride = std::max<std::uint64_t>(mapped.Count() / kSamplePages, 1);
  sample_.clear();
  std::uint64_t next = 0;  // to take, counted in mapped pages
  std::uint64_t passed = 0;
  for (const MappedExtent& extent : view.extents) {
    mapped.ForEachRun(extent.range, [&](GfnRange run) {
      for (; next < passed + run.pages; next += stride) {
        const Gfn gfn = run.first + (next - passed);
        sample_.push_back(extent.at + ((gfn.value - extent.range.first.value) << kPageShift));
      }
      passed += run.pages;
    });
  }
  if (sample_.empty()) return;
  const NodeNumber node = host_->NodeOf(sample_);
  if (node == node_) return;
  node_ = node;
  host_->RunOn(node);
}

}  // namespace stillframe
