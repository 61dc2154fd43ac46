#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/status.h"
#include "dump/dump_output.h"

namespace stillframe::cli {
namespace {

constexpr std::size_t kZerosBytes = 64 << 10;

class DumpStream final : public DumpOutput {
 public:
  DumpStream(int fd, std::string name) : fd_(fd), name_(std::move(name)), zeros_(kZerosBytes) {}

  absl::Status Write(std::uint64_t offset, std::span<const std::byte> bytes) override {
    SF_RETURN_IF_ERROR(FillTo(offset));
    return Append(bytes);
  }

  absl::Status Finish(std::uint64_t bytes) override { return FillTo(bytes); }

 private:
  absl::Status FillTo(std::uint64_t offset) {
    while (position_ < offset) {
      const auto count = std::min<std::uint64_t>(offset - position_, zeros_.size());
      SF_RETURN_IF_ERROR(Append({zeros_.data(), static_cast<std::size_t>(count)}));
    }
    return absl::OkStatus();
  }

  absl::Status Append(std::span<const std::byte> bytes) {
    position_ += bytes.size();
    while (!bytes.empty()) {
      const ssize_t written = write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return ErrnoStatus(errno, fmt::format("write to {}", name_));
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return absl::OkStatus();
  }

  const int fd_;
  const std::string name_;
  const std::vector<std::byte> zeros_;
  std::uint64_t position_ = 0;
};

}  // namespace

std::unique_ptr<DumpOutput> MakeDumpStream(int fd, std::string name) {
  return std::make_unique<DumpStream>(fd, std::move(name));
}

}  // namespace stillframe::cli
