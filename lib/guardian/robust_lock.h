// A lock in shared memory that tells when the thread holding it died.
//
// The kernel hands on a dying thread's robust locks at the start of exit_mm (get_robust_list(2)),
// before it tears the process's memory down: tens of milliseconds before its sockets report EOF.
// Thread-safe, between processes too. Every process that maps it must be trusted: glibc keeps
// list pointers inside.
#pragma once

#include <pthread.h>

namespace stillframe {

class RobustLock {
 public:
  enum class Outcome {
    kTaken,          // ours; nobody held it
    kTakenFromDead,  // ours; the thread that held it is dead and makes no system call any more
    kHeld,           // not ours: a living thread has it
  };

  // Makes it a free lock, whatever the bytes were. Only while nobody else uses it.
  void Reset();

  // Blocks until the holder unlocks or dies. Never kHeld.
  Outcome Lock();

  // Does not block.
  Outcome TryLock();

  // By the thread that took it.
  void Unlock();

 private:
  pthread_mutex_t mutex_;
};

}  // namespace stillframe
