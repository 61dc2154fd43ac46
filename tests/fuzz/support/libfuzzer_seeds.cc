// With libFuzzer: writes the seeds where `./dev fuzz` wants its corpus to start, and ends.
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "fuzz/support/fuzz_target.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* const folder = std::getenv("STILLFRAME_FUZZ_SEEDS_TO");
  if (folder == nullptr) return 0;
  int number = 0;
  for (const std::string& seed : stillframe::fuzz::Seeds()) {
    std::ofstream(std::string(folder) + "/seed-" + std::to_string(number++), std::ios::binary)
        << seed;
  }
  std::exit(0);
}
