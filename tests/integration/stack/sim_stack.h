// A stack over simulated guests, and the judge of what it delivers: the guest's own memory.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "guest/sim/sim_hypervisor.h"
#include "support/judge_snapshot.h"
#include "support/sim_process.h"
#include "support/stack.h"

namespace stillframe {

class SimStackTest : public testing::Test {
 protected:
  void StartStack(const std::string& defaults, StackSetup setup = {}) {
    setup.backends = "qemu_qmp_globs = []\nsim_directory = \"" + guests_.path() + "\"";
    setup.defaults = defaults;
    auto stack = Stack::Start(setup);
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
  }

  std::unique_ptr<SimProcess> StartGuest(const std::string& name,
                                         const std::vector<std::string>& arguments) {
    auto guest = SimProcess::Start(guests_.path(), name, arguments);
    EXPECT_TRUE(guest.ok()) << guest.status();
    return guest.ok() ? *std::move(guest) : nullptr;
  }

  Connection& remote() { return stack_->remote(); }

  TempDirectory guests_;
  std::unique_ptr<Stack> stack_;
};

// Reads the whole snapshot and compares it, page by page, with memory that stands still: `view` is
// of a guest that its operator paused before the capture.
inline void ExpectEqualsMemory(SnapshotReader& reader, const GuestView& view) {
  std::uint64_t next_gfn = 0;
  std::uint64_t wrong_pages = 0;
  auto memory_at = [&view](Gfn gfn) -> const std::byte* {
    for (const MappedExtent& extent : view.extents) {
      if (!extent.range.Contains(gfn)) continue;
      return extent.at + ((gfn.value - extent.range.first.value) << kPageShift);
    }
    return nullptr;
  };
  static const std::vector<std::byte> zeros(kPageBytes);
  const absl::Status read = reader.ReadPages({}, EmptyRuns::kReport, [&](const PageRun& run) {
    EXPECT_EQ(run.range.first.value, next_gfn);
    next_gfn = run.range.end().value;
    for (std::uint64_t i = 0; i < run.range.pages; ++i) {
      const Gfn gfn = run.range.first + i;
      const std::byte* memory = memory_at(gfn);
      bool right = false;
      if (run.status == v1::PAGE_STATUS_PRESENT) {
        right = memory != nullptr &&
                std::memcmp(memory, run.bytes.data() + (i << kPageShift), kPageBytes) == 0;
      } else if (run.status == v1::PAGE_STATUS_ZERO) {
        right = memory != nullptr && std::memcmp(memory, zeros.data(), kPageBytes) == 0;
      } else {
        right = memory == nullptr;
      }
      if (!right) ++wrong_pages;
    }
    return absl::OkStatus();
  });
  EXPECT_TRUE(read.ok()) << read;
  EXPECT_EQ(next_gfn, reader.metadata().page_count());
  EXPECT_EQ(wrong_pages, 0u);
}

}  // namespace stillframe
