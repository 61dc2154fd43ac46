// QEMU's memory tree, and the layout that is made of it.
#include <algorithm>

#include "fuzz/support/fuzz_input.h"
#include "fuzz/support/fuzz_target.h"
#include "guest/qemu/flat_view.h"
#include "guest/qemu/guest_layout.h"
#include "guest/qemu/qemu_ram.h"

using namespace stillframe;
using namespace stillframe::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto ranges = ParseSystemFlatView(text);
  if (!ranges.ok()) return 0;
  for (std::size_t i = 0; i < ranges->size(); ++i) {
    Require((*ranges)[i].first <= (*ranges)[i].last, "a range does not end before it begins");
    Require(i == 0 || (*ranges)[i - 1].last < (*ranges)[i].first, "ranges ascend");
  }
  // As large as they say, and of another size.
  for (const std::uint64_t bytes_max : {UINT64_MAX, std::uint64_t{128} << 20}) {
    std::vector<RamBlock> blocks = MemoryBlocks(*ranges);
    for (RamBlock& block : blocks) block.bytes = std::min(block.bytes, bytes_max);
    const auto layout = LayOut(*ranges, blocks);
    if (!layout.ok()) continue;
    std::uint64_t readable = 0;
    Gfn end{0};
    for (const BlockExtent& extent : layout->extents) {
      Require(extent.range.first >= end && !extent.range.empty(), "extents ascend");
      end = extent.range.end();
      Require(end.value <= layout->map.page_count(), "extents lie in the map");
      const std::uint64_t block_bytes = blocks.at(extent.block).bytes;
      Require(extent.offset <= block_bytes && extent.range.bytes() <= block_bytes - extent.offset,
              "extents lie in their blocks");
      readable += extent.range.pages;
    }
    Require(readable == layout->map.readable_pages(), "extents cover what is readable");
  }
  return 0;
}

namespace stillframe::fuzz {

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (std::string& file : FilesIn(STILLFRAME_QEMU_DATA)) {
    if (file.find("FlatView #") != std::string::npos) seeds.push_back(std::move(file));
  }
  seeds.emplace_back(
      "FlatView #1\n AS \"memory\", root: system\n"
      "  0000000000000000-ffffffffffffffff (prio 0, ram): ram\n");
  seeds.emplace_back(
      "FlatView #1\n AS \"memory\", root: system\n"
      "  0000000000000800-0000000000001fff (prio 0, rom): a @ffffffffffffe000 KVM\n"
      "  0000000000002000-00000fffffffffff (prio 0, ram): a @0000000000002000\n");
  return seeds;
}

}  // namespace stillframe::fuzz
