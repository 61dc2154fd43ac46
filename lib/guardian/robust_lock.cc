#include "guardian/robust_lock.h"

#include <cerrno>

namespace stillframe {

void RobustLock::Reset() {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  mutex_ = pthread_mutex_t{};
  pthread_mutex_init(&mutex_, &attributes);
  pthread_mutexattr_destroy(&attributes);
}

RobustLock::Outcome RobustLock::Lock() {
  const int error = pthread_mutex_lock(&mutex_);
  if (error == 0) return Outcome::kTaken;
  // A broken lock counts as a dead holder: a guest resumed for nothing beats one left standing.
  if (error == EOWNERDEAD) pthread_mutex_consistent(&mutex_);
  return Outcome::kTakenFromDead;
}

RobustLock::Outcome RobustLock::TryLock() {
  const int error = pthread_mutex_trylock(&mutex_);
  if (error == 0) return Outcome::kTaken;
  if (error != EOWNERDEAD) return Outcome::kHeld;
  pthread_mutex_consistent(&mutex_);
  return Outcome::kTakenFromDead;
}

void RobustLock::Unlock() { pthread_mutex_unlock(&mutex_); }

}  // namespace stillframe
