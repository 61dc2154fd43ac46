// Answers the wire protocol (guest/sim/sim_wire.h) on behalf of a machine.
//
// Owned by the control thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "guest/guest.h"
#include "simguest/machine.h"

namespace stillframe::sim {

class ControlServer {
 public:
  // Listens on `path`, replacing a socket that nobody listens on any more. ALREADY_EXISTS when
  // another guest lives there.
  static absl::StatusOr<ControlServer> Listen(const std::string& path, GuestIdentity identity,
                                              Machine& machine);

  // Serves until `stop_fd` is readable, then removes the socket. A connection that sends anything
  // but requests is closed; pauses made through it stay.
  absl::Status Serve(int stop_fd);

 private:
  ControlServer(std::string path, GuestIdentity identity, Machine& machine, UniqueFd listener)
      : path_(std::move(path)),
        identity_(std::move(identity)),
        machine_(machine),
        listener_(std::move(listener)) {}

  void Accept();
  bool ServeOne(int fd);  // false: close the connection
  bool Execute(int fd, const Request& request);

  std::string path_;
  GuestIdentity identity_;
  Machine& machine_;
  UniqueFd listener_;
  std::vector<UniqueFd> connections_;
};

}  // namespace stillframe::sim
