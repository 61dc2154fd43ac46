// The daemon's listening socket and its file.
//
// Thread-compatible.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace stillframe {

class Listener {
 public:
  // Binds `path` with `mode` and `group` (empty: the process's own) in force before anyone can
  // connect, and listens. A dead socket there is replaced. ALREADY_EXISTS when somebody listens,
  // or when the path is something else than a socket; NOT_FOUND: no such group.
  static absl::StatusOr<Listener> Open(const std::string& path, std::uint32_t mode,
                                       const std::string& group);
  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&&) = delete;

  // Removes the file, unless another one took its place.
  ~Listener();

  int fd() const { return socket_.get(); }

  // The next connection, non-blocking. UNAVAILABLE: none waits.
  absl::StatusOr<UniqueFd> Accept() const;

 private:
  Listener(std::string path, UniqueFd socket, const struct stat& file)
      : path_(std::move(path)),
        socket_(std::move(socket)),
        device_(file.st_dev),
        inode_(file.st_ino) {}

  std::string path_;
  UniqueFd socket_;
  dev_t device_;
  ino_t inode_;
};

}  // namespace stillframe
