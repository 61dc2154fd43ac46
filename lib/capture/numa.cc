#include "capture/numa.h"

#include <numa.h>
#include <numaif.h>

#include <algorithm>

namespace stillframe {

struct NumaHost::CpuMask {
  CpuMask() : bits(numa_allocate_cpumask()) {}
  ~CpuMask() { numa_bitmask_free(bits); }
  CpuMask(const CpuMask&) = delete;
  CpuMask& operator=(const CpuMask&) = delete;

  bitmask* const bits;
};

NodeNumber NodeOfMost(std::span<const int> locations, std::span<const NumaNode> nodes) {
  const auto located =
      std::count_if(locations.begin(), locations.end(), [](int node) { return node >= 0; });
  const auto with_memory =
      std::count_if(nodes.begin(), nodes.end(), [](const NumaNode& node) { return node.memory; });
  if (with_memory < 2) return kAnyNode;
  for (const NumaNode& node : nodes) {
    if (!node.memory || node.cpus == 0) continue;
    if (std::count(locations.begin(), locations.end(), node.number) * 2 > located) {
      return node.number;
    }
  }
  return kAnyNode;
}

std::shared_ptr<const NumaHost> NumaHost::Open() {
  if (numa_available() < 0 || numa_num_configured_nodes() < 2) return nullptr;
  std::shared_ptr<NumaHost> host(new NumaHost);
  host->all_cpus_ = std::make_unique<CpuMask>();
  if (numa_sched_getaffinity(0, host->all_cpus_->bits) < 0) return nullptr;
  bitmask* const memory = numa_get_mems_allowed();
  for (NodeNumber number = 0; number <= numa_max_node(); ++number) {
    if (!numa_bitmask_isbitset(numa_nodes_ptr, static_cast<unsigned>(number))) continue;
    auto cpus = std::make_unique<CpuMask>();
    if (numa_node_to_cpus(number, cpus->bits) != 0) continue;
    for (unsigned cpu = 0; cpu < cpus->bits->size; ++cpu) {
      if (!numa_bitmask_isbitset(host->all_cpus_->bits, cpu)) {
        numa_bitmask_clearbit(cpus->bits, cpu);
      }
    }
    host->nodes_.push_back(
        {.number = number,
         .memory = numa_bitmask_isbitset(memory, static_cast<unsigned>(number)) != 0,
         .cpus = numa_bitmask_weight(cpus->bits)});
    host->cpus_.push_back(std::move(cpus));
  }
  numa_bitmask_free(memory);
  return host;
}

NumaHost::~NumaHost() = default;

NodeNumber NumaHost::NodeOf(std::span<const std::byte* const> pages) const {
  // Without target nodes move_pages moves nothing and only tells.
  std::vector<void*> at;
  at.reserve(pages.size());
  for (const std::byte* page : pages) at.push_back(const_cast<std::byte*>(page));
  std::vector<int> locations(at.size(), kAnyNode);
  if (move_pages(0, at.size(), at.data(), nullptr, locations.data(), 0) < 0) return kAnyNode;
  return NodeOfMost(locations, nodes_);
}

void NumaHost::Prefer(std::span<std::byte> memory, NodeNumber node) const {
  if (node == kAnyNode) return;
  bitmask* const only = numa_allocate_nodemask();
  numa_bitmask_setbit(only, static_cast<unsigned>(node));
  static_cast<void>(
      mbind(memory.data(), memory.size(), MPOL_PREFERRED, only->maskp, only->size + 1, 0));
  numa_bitmask_free(only);
}

void NumaHost::RunOn(NodeNumber node, unsigned threads) const {
  const CpuMask* cpus = all_cpus_.get();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].number == node && nodes_[i].cpus >= threads) cpus = cpus_[i].get();
  }
  static_cast<void>(numa_sched_setaffinity(0, cpus->bits));
}

}  // namespace stillframe
