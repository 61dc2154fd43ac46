// What the calling thread works on, for logs that have fields: the journal's GUEST and GENERATION.
//
// Each thread has its own, so no lock is needed; only what logs on that thread sees it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace stillframe {

struct LogContext {
  std::string guest;  // a name; empty: none in particular
  std::string guest_uuid;
  std::uint64_t generation = 0;  // 0: none in particular
};

// The calling thread's.
inline LogContext& CurrentLogContext() {
  thread_local LogContext context;
  return context;
}

// Puts a context in place for as long as it lives.
class LogScope {
 public:
  explicit LogScope(LogContext context)
      : before_(std::exchange(CurrentLogContext(), std::move(context))) {}

  // The same guest, in one generation.
  explicit LogScope(std::uint64_t generation) : before_(CurrentLogContext()) {
    CurrentLogContext().generation = generation;
  }
  ~LogScope() { CurrentLogContext() = std::move(before_); }
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

 private:
  LogContext before_;
};

}  // namespace stillframe
