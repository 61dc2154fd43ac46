// A stillframe-simguest that a test started, and what an operator can do to it.
//
// Owned by one thread. The process ends with this object.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "base/units.h"
#include "base/uuid.h"
#include "guest/sim/sim_connection.h"
#include "guest/sim/sim_wire.h"

namespace stillframe {

class SimProcess {
 public:
  // Starts a guest with its socket in `directory` and returns when it runs. `arguments` are those
  // of stillframe-simguest --help, such as {"--vcpus", "2", "--workload", "torn"}.
  static absl::StatusOr<std::unique_ptr<SimProcess>> Start(
      const std::string& directory, const std::string& name,
      const std::vector<std::string>& arguments);
  ~SimProcess();
  SimProcess(const SimProcess&) = delete;
  SimProcess& operator=(const SimProcess&) = delete;

  pid_t pid() const { return pid_; }
  const GuestId& id() const { return id_; }
  const std::string& name() const { return name_; }
  const std::string& socket_path() const { return socket_path_; }

  // What happens in the guest now, without asking it. Stays readable after its death.
  const sim::StatusPage& status() const;

  absl::Status OperatorPause() { return Command(sim::Command::kOperatorPause, {}); }
  absl::Status OperatorResume() { return Command(sim::Command::kOperatorResume, {}); }
  absl::Status BalloonOut(GfnRange range) { return Command(sim::Command::kBalloonOut, range); }
  absl::Status BalloonIn(GfnRange range) { return Command(sim::Command::kBalloonIn, range); }
  absl::Status Reboot() { return Command(sim::Command::kReboot, {}); }

  // The process ends as by SIGKILL, its socket stays behind; returns when it is gone.
  absl::Status Die();

 private:
  SimProcess() = default;
  absl::Status AwaitReady(int ready_fd);
  absl::Status Connect();
  absl::Status Command(sim::Command command, GfnRange range);

  pid_t pid_ = -1;
  GuestId id_;
  std::string name_;
  std::string socket_path_;
  std::unique_ptr<sim::SimConnection> connection_;
  Mapping status_;
};

}  // namespace stillframe
