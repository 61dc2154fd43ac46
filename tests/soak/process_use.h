// What the processes under test hold over time, and whether it grows.
//
// Owned by one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace stillframe::soak {

struct Use {
  std::uint64_t rss_bytes = 0;   // all that is resident, mapped arenas too
  std::uint64_t anon_bytes = 0;  // of it what is the process's own
  std::uint64_t fds = 0;
};

// All zeros when there is no such process.
Use UseOf(pid_t pid);

// One program over its lives.
class UseRecord {
 public:
  explicit UseRecord(std::string name) : name_(std::move(name)) {}

  void Add(double seconds, pid_t pid, const Use& use);

  const std::string& name() const { return name_; }
  const Use& last() const { return last_; }
  Use Most() const;

  // The most in a third (0, 1, 2) of the time seen.
  Use MostInThird(int third) const;

  // How much more the last quarter of a life held than its second quarter, on average; the most of
  // all lives of at least `seconds_min`. Negative when all shrank, 0 without any such life.
  struct Growth {
    double anon_bytes = 0;
    double fds = 0;
    int lives = 0;
  };
  Growth GrowthInALife(double seconds_min) const;

  // The last third holds hardly more than the middle one, and no life of at least a minute grew.
  bool IsFlat() const;

 private:
  struct Sample {
    double seconds;
    pid_t pid;
    Use use;
  };

  std::string name_;
  Use last_;
  std::vector<Sample> samples_;
};

}  // namespace stillframe::soak
