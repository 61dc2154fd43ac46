// Runs something that changes a process for good, in a child of the test.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace stillframe {

// The child's wait status; `body` returns its exit status. Not for processes with threads.
inline int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

}  // namespace stillframe
