// Without libFuzzer: every seed, every file named, and `--mutations N` mutations of the seeds.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "fuzz/support/fuzz_target.h"
#include "fuzz/support/mutator.h"

namespace {

using namespace stillframe::fuzz;

constexpr std::size_t kInputBytesMax = std::size_t{1} << 16;
constexpr std::uint64_t kRandomSeed = 20'261'127;

const std::string* running = nullptr;

// Says which input it was, as hexadecimal digits for `xxd -r -p`. Async-signal-safe.
void TellInput(int signal_number) {
  constexpr char kDigits[] = "0123456789abcdef";
  constexpr char kBefore[] = "the input was:\n";
  static_cast<void>(!write(STDERR_FILENO, kBefore, sizeof kBefore - 1));
  for (std::size_t i = 0; running != nullptr && i < running->size(); ++i) {
    const auto byte = static_cast<unsigned char>((*running)[i]);
    const char pair[2] = {kDigits[byte >> 4], kDigits[byte & 15]};
    static_cast<void>(!write(STDERR_FILENO, pair, sizeof pair));
  }
  static_cast<void>(!write(STDERR_FILENO, "\n", 1));
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

void Run(const std::string& input) {
  running = &input;
  // A copy of just this size, so that a sanitizer sees every step over its end.
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  running = nullptr;
}

std::string ReadAll(const char* path) {
  std::string text;
  FILE* const file = std::fopen(path, "rb");
  if (file == nullptr) {
    std::perror(path);
    std::exit(2);
  }
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, file)) > 0;) {
    text.append(buffer, n);
  }
  std::fclose(file);
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t mutations = 0;
  bool files = false;
  for (const int fatal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) signal(fatal, TellInput);
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--mutations" && i + 1 < argc) {
      mutations = std::strtoull(argv[++i], nullptr, 10);
    } else {
      Run(ReadAll(argv[i]));
      files = true;
    }
  }
  if (files) return 0;

  const std::vector<std::string> seeds = Seeds();
  Require(!seeds.empty(), "a target has seeds");
  for (const std::string& seed : seeds) Run(seed);
  Mutator mutator(seeds, kRandomSeed);
  for (std::uint64_t i = 0; i < mutations; ++i) {
    Run(mutator.Mutate(seeds[i % seeds.size()], kInputBytesMax));
  }
  std::printf("%zu seeds, %llu mutations\n", seeds.size(),
              static_cast<unsigned long long>(mutations));
  return 0;
}
