#include "bench/support/process_memory.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <system_error>

namespace stillframe::bench {

ProcessMemory MemoryOf(pid_t pid) {
  constexpr std::uint64_t kBlockBytes = 512;  // stat(2)
  ProcessMemory memory;
  const std::string directory = fmt::format("/proc/{}", pid);
  std::ifstream status(directory + "/status");
  for (std::string key; status >> key;) {
    if (key == "RssAnon:") {
      std::uint64_t kib = 0;
      status >> kib;
      memory.private_bytes = kib << 10;
    } else if (key == "Threads:") {
      status >> memory.threads;
    }
  }
  std::set<ino_t> seen;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory + "/fd", error)) {
    ++memory.descriptors;
    const auto target = std::filesystem::read_symlink(entry, error).string();
    struct stat file {};
    if (target.starts_with("/memfd:") && stat(entry.path().c_str(), &file) == 0 &&
        seen.insert(file.st_ino).second) {
      memory.memfd_bytes += static_cast<std::uint64_t>(file.st_blocks) * kBlockBytes;
    }
  }
  return memory;
}

}  // namespace stillframe::bench
