// The gateway's unix sockets: accepts connections, and remembers who is behind each.
//
// gRPC tells nothing of a unix peer but the number of the descriptor of a connection that it was
// given ("fd:4711"), so connections are accepted here and handed over.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "gateway/identity/caller.h"

namespace stillframe {

class UnixPeers {
 public:
  UnixPeers() = default;
  ~UnixPeers() { Stop(); }

  // Binds and listens; nobody is accepted before Serve. ALREADY_EXISTS: somebody listens there, or
  // the path is something else than a socket. An empty `group` leaves the process's own.
  absl::Status Listen(const std::string& path, const std::string& group, std::uint32_t mode);

  // Hands every connection to `take`, which owns it from then on, on a thread of this object.
  absl::Status Serve(std::function<void(int fd)> take);

  // Accepts no more, and removes the sockets.
  void Stop();

  // Who is behind gRPC's `peer`, "fd:4711". NOT_FOUND: no connection of this object.
  absl::StatusOr<Caller> Find(std::string_view peer) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Socket {
    std::string path;
    UniqueFd fd;
  };

  void Run();
  void Accept(const Socket& socket);
  absl::StatusOr<UniqueFd> MoveAway(UniqueFd fd) ABSL_LOCKS_EXCLUDED(mu_);

  std::vector<Socket> sockets_;
  std::function<void(int fd)> take_;
  UniqueFd stop_;  // an eventfd
  std::thread thread_;

  mutable Mutex mu_;
  int next_fd_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<int, Caller> callers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe
