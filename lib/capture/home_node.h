// The NUMA node where one guest's memory lies. Its capture worker moves there, and new memory for
// its copies comes from there.
//
// Owned by the worker's thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "capture/numa.h"
#include "guest/guest.h"
#include "guest/page_bitmap.h"

namespace stillframe {

class HomeNode {
 public:
  // `host` null: always kAnyNode, and nothing is done.
  explicit HomeNode(std::shared_ptr<const NumaHost> host) : host_(std::move(host)) {}

  // Looks at some of the view's pages, those of `mapped`, and moves the calling thread where most
  // of them lie. Some 0.1 ms: not for the pause.
  void Look(const GuestView& view, const PageBitmap& mapped);

  // For memory that was not touched yet.
  void Prefer(std::span<std::byte> memory) const {
    if (host_ != nullptr) host_->Prefer(memory, node_);
  }

  NodeNumber node() const { return node_; }

 private:
  const std::shared_ptr<const NumaHost> host_;
  NodeNumber node_ = kAnyNode;
  std::vector<const std::byte*> sample_;
};

}  // namespace stillframe
