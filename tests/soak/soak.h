// Runs real guests, both daemons, readers and watchers for a while, and kills the daemons.
//
// Owned by one thread, which starts all processes; they end with it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "soak/process_use.h"
#include "soak/readers.h"
#include "soak/tally.h"
#include "support/sim_process.h"
#include "support/stack.h"

namespace stillframe::soak {

struct Options {
  double minutes = 30;
  std::size_t guests = 16;
  std::size_t readers = 20;  // the wedged ones included
  std::size_t wedged = 2;
  std::size_t watchers = 4;
  std::uint64_t seed = 1;
  double gateway_kill_s = 60;  // both shortened so that short runs have some
  double daemon_kill_s = 300;
  double line_s = 10;
};

struct Result {
  double seconds = 0;
  std::size_t gateway_kills = 0;
  std::size_t daemon_kills = 0;
  std::size_t kills_in_pause = 0;  // daemon kills while a guest was paused
  std::size_t reboots = 0;
  std::size_t balloonings = 0;
  std::size_t stranded = 0;            // guests that stood for longer than the bound
  std::uint64_t longest_stand_ms = 0;  // of any guest
  std::size_t guests_idle = 0;         // guests that were not captured after the last kill
  std::vector<UseRecord> uses;
};

class Soak {
 public:
  Soak(const Options& options, std::FILE* lines);
  ~Soak();

  // Errors are those of starting and stopping; what the soak found is in result() and tally().
  absl::Status Run();

  const Result& result() const { return result_; }
  const Tally& tally() const { return tally_; }

 private:
  struct GuestWatch {
    std::uint64_t pauses = 0;  // when it was first seen standing
    double since_s = 0;
    bool stands = false;
    bool counted = false;
  };

  absl::Status Start();
  absl::Status Loop();
  absl::Status Finish();
  void StartThreads();
  void StopThreads();
  absl::Status KillGateway();
  absl::Status KillDaemon();
  absl::Status TroubleAGuest();
  void LookAtGuests();
  void LookAtProcesses();
  void PrintLine();
  double Seconds() const;

  const Options options_;
  std::FILE* const lines_;
  const std::uint64_t began_ns_;
  std::uint64_t random_;
  TempDirectory sockets_;
  Tally tally_;
  Result result_;
  ReaderSetup readers_;
  std::vector<std::unique_ptr<SimProcess>> guests_;
  std::vector<GuestWatch> watched_;
  std::vector<bool> ballooned_;
  std::unique_ptr<Stack> stack_;
  std::stop_source stop_;
  std::vector<std::jthread> threads_;
};

}  // namespace stillframe::soak
