// Serves local readers over a unix socket: lists, pins, descriptors, captures, watches.
//
// One thread (the caller's, in Run) serves all connections with bounded memory each; a reader that
// does not read, floods or sends garbage is disconnected and its pins are dropped. Never blocks on
// a guest or a reader.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "local/guest_directory.h"
#include "stillframe/local/v1/local.pb.h"

namespace stillframe {

struct LocalServerOptions {
  std::string socket_path;
  std::uint32_t socket_mode = 0660;
  std::string socket_group;  // empty: the process's own
  std::uint32_t connections_max = 64;
  std::uint32_t pins_per_connection_max = 256;
  std::uint32_t operations_per_connection_max = 4096;  // open captures and watches
  std::uint64_t pin_ttl_ms_max = 600'000;
  std::uint64_t output_bytes_per_connection_max = std::uint64_t{32} << 20;
};

class LocalServer {
 public:
  // Binds the socket (replacing a dead one of the same path; ALREADY_EXISTS when somebody
  // listens there) and listens. `directory` must outlive the server, which takes the wake-up of
  // its event log: call this before anything is captured.
  static absl::StatusOr<std::unique_ptr<LocalServer>> Listen(LocalServerOptions options,
                                                             GuestDirectory& directory,
                                                             const Clock& clock);
  virtual ~LocalServer() = default;

  // Serves until Stop. `on_tick` is called about every `tick_ms` on this thread.
  virtual void Run(std::uint64_t tick_ms, std::function<void()> on_tick) = 0;

  // Makes Run return. Any thread, also a signal handler's.
  virtual void Stop() = 0;

  // Fills in connections, pins and watches. Any thread.
  virtual local::v1::Stats Statistics() const = 0;

  // Adds what only the daemon knows to the answer of GetStats; set before Run.
  virtual void SetStatsSource(std::function<void(local::v1::Stats&)> source) = 0;
};

}  // namespace stillframe
