#include "cli_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace stillframe::testing {

CliTest::CliTest() {
  std::string name = "/tmp/stillframe_cli_test.XXXXXX";
  folder_ = mkdtemp(name.data());
  world_.AddGuest("web1", "11111111-2222-4333-8444-555555555555",
                  "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee");
  world_.AddGuest("idle", "99999999-2222-4333-8444-555555555555",
                  "cccccccc-bbbb-4ccc-8ddd-eeeeeeeeeeee");
  const FakePage zero{v1::PAGE_STATUS_ZERO, ""};
  FakeImage image = {PageOf('a'),
                     PageOf('b'),
                     zero,
                     {v1::PAGE_STATUS_ABSENT_HOLE, ""},
                     {v1::PAGE_STATUS_ABSENT_MMIO, ""},
                     {v1::PAGE_STATUS_ABSENT_BALLOONED, ""},
                     PageOf('c'),
                     PageOf('d')};
  v1::Snapshot metadata;
  v1::Vcpu& vcpu = *metadata.add_vcpus();
  for (std::uint64_t i = 0; i < 16; ++i) vcpu.add_general(i);
  vcpu.set_rip(0xffffffff81234567);
  v1::MemoryRegion& region = *metadata.add_memory_regions();
  region.set_page_count(3);
  region.set_kind(v1::MemoryRegion::KIND_RAM);
  world_.Publish("web1", image, metadata);
  image[1] = PageOf('B');
  image[7] = zero;
  world_.Publish("web1", image, metadata);
  gateway_ = std::make_unique<FakeGateway>(world_, target());
}

CliTest::~CliTest() {
  gateway_.reset();
  std::filesystem::remove_all(folder_);
}

pid_t CliTest::Start(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"stillframe", "--target", target()});
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, Path("stdout").c_str(), kFlags, 0600);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, Path("stderr").c_str(), kFlags, 0600);
  pid_t pid = -1;
  EXPECT_EQ(posix_spawn(&pid, STILLFRAME_CLI, &files, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&files);
  return pid;
}

CliResult CliTest::Wait(pid_t pid) const {
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Contents("stdout"), Contents("stderr")};
}

CliResult CliTest::Run(std::vector<std::string> arguments) const {
  return Wait(Start(std::move(arguments)));
}

std::string CliTest::Contents(const std::string& name) const {
  std::ifstream file(Path(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace stillframe::testing
