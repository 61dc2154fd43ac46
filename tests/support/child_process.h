// A process that a test starts and that ends with the test.
//
// Owned by one thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace stillframe {

class ChildProcess {
 public:
  // Starts `arguments` (the first is the program's path) with its output going to `log_path`. It is
  // killed when the thread that started it ends.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const std::vector<std::string>& arguments, const std::string& log_path);

  // Kills it, if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }

  void Signal(int signal) const;

  // Waits for its end; the status as of waitpid(2).
  int Wait();

  // What it wrote so far.
  std::string Log() const;

 private:
  ChildProcess(pid_t pid, std::string log_path) : pid_(pid), log_path_(std::move(log_path)) {}

  const pid_t pid_;
  const std::string log_path_;
  bool waited_ = false;
  int status_ = 0;
};

}  // namespace stillframe
