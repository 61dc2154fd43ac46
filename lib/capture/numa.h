// The NUMA nodes of this host, and how to copy a guest's memory on the one where it lies.
//
// Advice, all of it: what the kernel, a cpuset or a system call filter refuses is left undone, and
// copies are slower and as right. Thread-safe. A host of one node has no NumaHost.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace stillframe {

using NodeNumber = int;
inline constexpr NodeNumber kAnyNode = -1;

struct NumaNode {
  NodeNumber number = 0;
  bool memory = true;  // this process may have pages there
  unsigned cpus = 1;   // that this process may run on
};

// The node that more than half of some pages lie on, if work can move there: it has memory and
// processors, and is not the only one. `locations`: of each page its node, or a negative number
// when it has none or none is known (what move_pages(2) says).
NodeNumber NodeOfMost(std::span<const int> locations, std::span<const NumaNode> nodes);

class NumaHost {
 public:
  // Null where there is nothing to choose: one node, or a kernel that tells of none. What the
  // calling thread may run on now is what threads will be spread over.
  static std::shared_ptr<const NumaHost> Open();
  ~NumaHost();
  NumaHost(const NumaHost&) = delete;
  NumaHost& operator=(const NumaHost&) = delete;

  const std::vector<NumaNode>& nodes() const { return nodes_; }

  // NodeOfMost of mapped pages. Those that this process never touched are on no node.
  NodeNumber NodeOf(std::span<const std::byte* const> pages) const;

  // Lets `memory`, whole pages that were not touched yet, come from `node` while it has any.
  void Prefer(std::span<std::byte> memory, NodeNumber node) const;

  // Moves the calling thread to the processors of `node`, or of any, where those are less than
  // `threads`.
  void RunOn(NodeNumber node, unsigned threads = 1) const;

 private:
  struct CpuMask;  // libnuma's

  NumaHost() = default;

  std::vector<NumaNode> nodes_;
  std::vector<std::unique_ptr<CpuMask>> cpus_;  // of each of nodes_
  std::unique_ptr<CpuMask> all_cpus_;
};

}  // namespace stillframe
