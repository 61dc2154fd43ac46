// What a process holds.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace stillframe::bench {

struct ProcessMemory {
  std::uint64_t private_bytes = 0;  // resident anonymous memory
  std::uint64_t memfd_bytes = 0;    // of the memfds that it has open, mapped or not, each once
  std::uint64_t threads = 0;
  std::uint64_t descriptors = 0;

  std::uint64_t bytes() const { return private_bytes + memfd_bytes; }
};

// All zeros when there is no such process.
ProcessMemory MemoryOf(pid_t pid);

}  // namespace stillframe::bench
