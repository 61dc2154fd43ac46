// Finds processes by their parent.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace stillframe {

// A child of `parent` that is called `name`, or -1. In /proc/PID/stat: "PID (NAME) STATE PPID ...".
inline pid_t ChildNamed(pid_t parent, const std::string& name) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream stat(entry.path() / "stat");
    pid_t pid = -1, of = -1;
    std::string comm, state;
    if (stat >> pid >> comm >> state >> of && of == parent && comm == "(" + name + ")") return pid;
  }
  return -1;
}

}  // namespace stillframe
