// Descriptors of a process; memfds are among them.
#pragma once

#include <fmt/format.h>
#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <system_error>

namespace stillframe::faults {

// 0 when there is no such process.
inline std::size_t CountOpenFiles(pid_t pid) {
  std::size_t count = 0;
  std::error_code error;
  std::filesystem::directory_iterator entry(fmt::format("/proc/{}/fd", pid), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) ++count;
  return count;
}

}  // namespace stillframe::faults
