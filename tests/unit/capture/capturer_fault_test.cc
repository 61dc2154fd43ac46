// Sweeps a fault over every call of a capture: the guest must end up running, nothing may leak,
// and the next generation must be right.
#include <gtest/gtest.h>

#include "unit/capture/capture_bench.h"

namespace stillframe {
namespace {

enum class Log { kHas, kLacks, kPrecopied };

class CapturerFaultTest : public testing::TestWithParam<Log> {};

TEST_P(CapturerFaultTest, AnyFailingCallLeavesTheGuestRunningAndTheNextGenerationRight) {
  std::uint64_t failed = 0;
  for (std::uint64_t call = 1;; ++call) {
    PrecopyBench bench(200, {.generations_max = 2});
    bench.machine.log_is_live = GetParam() == Log::kPrecopied;
    bench.machine.has_log = GetParam() != Log::kLacks;
    for (std::uint64_t page = 0; page < 150; ++page) bench.machine.Write(Gfn{page}, page + 1);
    ASSERT_TRUE(bench.Capture().ok());
    for (std::uint64_t page = 0; page < 200; page += 3) bench.machine.Write(Gfn{page}, page + 999);

    // What the guest writes between two rounds, and between the last one and the pause.
    std::uint64_t looks = 0;
    bench.machine.while_running = [&] {
      for (std::uint64_t page = 0; page < std::uint64_t{32} >> looks; ++page) {
        bench.machine.Write(Gfn{page * 5}, looks * 1000 + page);
      }
      ++looks;
    };
    bench.machine.calls = 0;
    bench.machine.fail_call = call;
    const auto broken = bench.Capture();
    EXPECT_FALSE(bench.machine.paused) << "call " << call;
    if (broken.ok()) {
      EXPECT_EQ((*broken)->metadata.precopy_rounds > 1, GetParam() == Log::kPrecopied);
      break;
    }
    ++failed;
    EXPECT_EQ(bench.guard.arms, bench.guard.resumes_begun) << "call " << call;

    bench.machine.Write(Gfn{7}, 777);
    bench.machine.fail_call = 0;
    const auto next = bench.Capture();
    ASSERT_TRUE(next.ok()) << "after call " << call << ": " << next.status();
    EXPECT_EQ((*next)->metadata.generation.value, 2u);
    EXPECT_EQ(BytesOf(**next), bench.machine.Copy()) << "call " << call;

    EXPECT_EQ(bench.store->arena().bytes_used() / kPageBytes, SlotsNamed(*bench.store))
        << "call " << call;
  }
  EXPECT_GE(failed, 6u) << "refresh, pause, registers, dirty log, resume, decode";
}

INSTANTIATE_TEST_SUITE_P(DirtyLog, CapturerFaultTest,
                         testing::Values(Log::kHas, Log::kLacks, Log::kPrecopied),
                         [](const auto& test) {
                           return test.param == Log::kHas     ? "Logged"
                                  : test.param == Log::kLacks ? "Compared"
                                                              : "Precopied";
                         });

TEST(CapturerFaultTest, AGuestThatVanishesMidCaptureIsReportedAsGone) {
  CaptureBench bench(64);
  ASSERT_TRUE(bench.Capture().ok());
  bench.machine.while_paused = [&bench] { bench.machine.gone = true; };
  EXPECT_TRUE(absl::IsNotFound(bench.Capture().status()));
  EXPECT_EQ(bench.guard.arms, bench.guard.resumes_begun);
}

}  // namespace
}  // namespace stillframe
