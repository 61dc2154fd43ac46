#include "base/mapping.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/memfd.h"
#include "support/temp_directory.h"
#include "support/vm_flags.h"

namespace stillframe {
namespace {

constexpr std::size_t kMappingBytes = std::size_t{1} << 20;

TEST(MappingTest, IsInNoCoreDump) {
  const auto fd = CreateMemfd("mapping-test", kMappingBytes);
  ASSERT_TRUE(fd.ok());
  for (const Access access : {Access::kReadWrite, Access::kReadOnly}) {
    const auto mapping = Mapping::Shared(fd->get(), 0, kMappingBytes, access);
    ASSERT_TRUE(mapping.ok());
    const auto found = MappingsNamed("self", "mapping-test");
    ASSERT_EQ(found.size(), 1u);
    EXPECT_TRUE(found[0].Has("dd")) << found[0].flags;
  }
}

// Ends by SIGABRT in `directory`, with the secret in a mapping of ours and the bait in plain
// memory.
[[noreturn]] void DumpCoreIn(const std::string& directory, const std::string& secret,
                             const std::string& bait) {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_CORE, &unlimited);
  signal(SIGABRT, SIG_DFL);
  const auto fd = CreateMemfd("mapping-test", kMappingBytes);
  const auto mapping = Mapping::Shared(fd->get(), 0, kMappingBytes, Access::kReadWrite);
  const auto spread = [](std::byte* to, const std::string& text) {
    for (std::size_t at = 0; at + text.size() < kMappingBytes; at += 4096) {
      std::memcpy(to + at, text.data(), text.size());
    }
  };
  spread(mapping->data(), secret);
  static std::byte plain[kMappingBytes];
  spread(plain, bait);
  if (chdir(directory.c_str()) != 0) _exit(1);
  abort();
}

TEST(MappingTest, ARealCoreDumpHasOtherMemoryButNotThis) {
  std::string pattern;
  std::getline(std::ifstream("/proc/sys/kernel/core_pattern"), pattern);
  if (pattern.empty() || pattern[0] == '|' || pattern.find('/') != std::string::npos) {
    GTEST_SKIP() << "this host puts core dumps elsewhere: kernel.core_pattern is " << pattern;
  }
  const TempDirectory directory;
  const std::string secret = "a page of a guest " + std::to_string(getpid());
  const std::string bait = "plain memory " + std::to_string(getpid());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    DumpCoreIn(directory.path(), secret, bait);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  if (!WCOREDUMP(status)) GTEST_SKIP() << "no core dumps here: RLIMIT_CORE or the kernel forbid it";
  std::string core;
  for (const auto& file : std::filesystem::directory_iterator(directory.path())) {
    std::ifstream stream(file.path(), std::ios::binary);
    core.append(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  // Each text is itself on the heap and the stack; in the memory that was filled, 256 times.
  const auto count = [&core](const std::string& text) {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = core.find(text, at)) != core.npos; at += text.size()) ++found;
    return found;
  };
  EXPECT_GT(count(bait), 200u);
  EXPECT_LT(count(secret), 20u);
}

}  // namespace
}  // namespace stillframe
