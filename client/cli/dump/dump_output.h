// Where a dump goes: a sparse file that appears only when it is complete, or a stream.
//
// Owned by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stillframe::cli {

enum class Existing : std::uint8_t { kRefuse, kReplace };

class DumpOutput {
 public:
  virtual ~DumpOutput() = default;

  // Offsets ascend; what is left out reads as zeros.
  virtual absl::Status Write(std::uint64_t offset, std::span<const std::byte> bytes) = 0;

  // Makes it exactly `bytes` long, and visible.
  virtual absl::Status Finish(std::uint64_t bytes) = 0;
};

// A file of mode 0600, written under another name in the same folder and renamed by Finish; without
// Finish nothing stays behind. ALREADY_EXISTS when `path` exists and must not be replaced. Devices
// and pipes are written to as they are.
absl::StatusOr<std::unique_ptr<DumpOutput>> OpenDumpFile(const std::string& path,
                                                         Existing existing);

// Zeros are written out. `fd` is borrowed; `name` is for messages.
std::unique_ptr<DumpOutput> MakeDumpStream(int fd, std::string name);

}  // namespace stillframe::cli
