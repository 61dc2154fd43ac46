#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/status.h"
#include "base/unique_fd.h"
#include "dump/dump_output.h"

namespace stillframe::cli {
namespace {

absl::Status AlreadyThere(const std::string& path) {
  return absl::AlreadyExistsError(fmt::format("write {}: it exists; --force replaces it", path));
}

class DumpFile final : public DumpOutput {
 public:
  DumpFile(UniqueFd fd, std::string temporary, std::string path, Existing existing)
      : fd_(std::move(fd)),
        temporary_(std::move(temporary)),
        path_(std::move(path)),
        existing_(existing) {}

  ~DumpFile() override {
    if (!finished_) unlink(temporary_.c_str());
  }

  absl::Status Write(std::uint64_t offset, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t written =
          pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return ErrnoStatus(errno, fmt::format("write {}", path_));
      bytes = bytes.subspan(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    }
    return absl::OkStatus();
  }

  absl::Status Finish(std::uint64_t bytes) override {
    if (ftruncate(fd_.get(), static_cast<off_t>(bytes)) != 0) {
      return ErrnoStatus(errno, fmt::format("set the length of {}", path_));
    }
    const unsigned flags = existing_ == Existing::kRefuse ? RENAME_NOREPLACE : 0u;
    int renamed = renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), flags);
    // File systems without RENAME_NOREPLACE say EINVAL; a hard link does not replace either.
    if (renamed != 0 && errno == EINVAL && flags != 0) {
      renamed = link(temporary_.c_str(), path_.c_str());
      if (renamed == 0) unlink(temporary_.c_str());
    }
    if (renamed != 0 && errno == EEXIST) return AlreadyThere(path_);
    if (renamed != 0) {
      return ErrnoStatus(errno, fmt::format("rename {} to {}", temporary_, path_));
    }
    finished_ = true;
    return absl::OkStatus();
  }

 private:
  const UniqueFd fd_;
  const std::string temporary_;
  const std::string path_;
  const Existing existing_;
  bool finished_ = false;
};

// Keeps the descriptor that the stream writes to.
class DeviceOutput final : public DumpOutput {
 public:
  DeviceOutput(UniqueFd fd, const std::string& path)
      : fd_(std::move(fd)), stream_(MakeDumpStream(fd_.get(), path)) {}
  absl::Status Write(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return stream_->Write(offset, bytes);
  }
  absl::Status Finish(std::uint64_t bytes) override { return stream_->Finish(bytes); }

 private:
  const UniqueFd fd_;
  const std::unique_ptr<DumpOutput> stream_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<DumpOutput>> OpenDumpFile(const std::string& path,
                                                         Existing existing) {
  struct stat about {};
  if (stat(path.c_str(), &about) == 0) {
    if (S_ISDIR(about.st_mode)) {
      return absl::FailedPreconditionError(fmt::format("write {}: it is a folder", path));
    }
    if (!S_ISREG(about.st_mode)) {
      UniqueFd device(open(path.c_str(), O_WRONLY | O_CLOEXEC));
      if (!device.valid()) return ErrnoStatus(errno, fmt::format("open {}", path));
      return std::make_unique<DeviceOutput>(std::move(device), path);
    }
    if (existing == Existing::kRefuse) return AlreadyThere(path);
  }
  const std::filesystem::path target(path);
  std::string temporary =
      (target.parent_path() / fmt::format(".{}.XXXXXX", target.filename().string())).string();
  UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));  // mode 0600
  if (!fd.valid()) return ErrnoStatus(errno, fmt::format("create a file beside {}", path));
  return std::make_unique<DumpFile>(std::move(fd), std::move(temporary), path, existing);
}

}  // namespace stillframe::cli
