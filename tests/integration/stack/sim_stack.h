// A stack over simulated guests, and the judge of what it delivers: the guest's own memory.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "guest/sim/sim_hypervisor.h"
#include "support/judge_snapshot.h"
#include "support/same_memory.h"
#include "support/sim_process.h"
#include "support/stack.h"

namespace stillframe {

class SimStackTest : public testing::Test {
 protected:
  void StartStack(const std::string& defaults) {
    StackSetup setup;
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
  const auto wrong_pages = CountWrongPages(reader, view);
  ASSERT_TRUE(wrong_pages.ok()) << wrong_pages.status();
  EXPECT_EQ(*wrong_pages, 0u);
}

}  // namespace stillframe
