// What happens between pause and resume, counted: nothing is allocated, nothing faults.
#include "capture/pause_window.h"

#include <gtest/gtest.h>

#include "support/allocation_count.h"
#include "unit/capture/capture_bench.h"

namespace stillframe {
namespace {

// The sanitizers' shadow memory is faulted in when it is first touched, in the window too.
#if defined(__SANITIZE_ADDRESS__) || defined(_GLIBCXX_TSAN)
constexpr bool kCountsFaults = false;
#else
constexpr bool kCountsFaults = true;
#endif

class PauseWindowTest : public testing::TestWithParam<std::uint64_t> {};

TEST_P(PauseWindowTest, NeitherAllocatesNorFaults) {
  const std::uint64_t pages = GetParam();
  CaptureBench bench(pages, {}, 256);
  std::uint64_t before = 0;
  std::uint64_t allocations = 0;
  bench.machine.while_paused = [&] { before = ThreadAllocations(); };
  bench.machine.at_resume = [&] { allocations += ThreadAllocations() - before; };
  std::uint64_t faults = 0;
  for (int generation = 1; generation <= 5; ++generation) {
    for (std::uint64_t page = 0; page < pages; page += generation) {
      bench.machine.Write(Gfn{page}, page + generation);
    }
    const auto snapshot = bench.Capture();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    if (generation > 1) faults += (*snapshot)->metadata.window_page_faults;
  }
  EXPECT_EQ(allocations, 0u);
  if (kCountsFaults) {
    EXPECT_EQ(faults, 0u);
  }
}

// One guest is copied by the worker alone, the other with helpers.
INSTANTIATE_TEST_SUITE_P(Pages, PauseWindowTest, testing::Values(500, 9000));

}  // namespace
}  // namespace stillframe
