// A list of the system calls that this process may still make, built name by name and then loaded
// into the kernel for good.
//
// Owned by one thread; Load binds all threads, and every process and program started later.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "config/schema.h"

namespace stillframe {

// Whether this build can be filtered: what sanitizers and coverage add makes calls of its own.
bool CanFilterSystemCalls();

class SyscallFilter {
 public:
  // (argument number `index` & mask) == value
  struct Condition {
    unsigned index = 0;
    std::uint64_t mask = 0;
    std::uint64_t value = 0;
  };

  // kEnforce: calls that are not named fail with EPERM. kLog: they are made, and the kernel's audit
  // log names them. kOff: Load does nothing.
  explicit SyscallFilter(FilterMode mode);
  ~SyscallFilter();
  SyscallFilter(const SyscallFilter&) = delete;
  SyscallFilter& operator=(const SyscallFilter&) = delete;

  // Names that libseccomp does not know are an error of Load.
  void Allow(std::initializer_list<const char*> calls);

  // Allowed when all of the conditions hold; further rules for the same call widen it.
  void AllowIf(const char* call, std::initializer_list<Condition> conditions);

  // The process ends by SIGSYS that makes one of them. For calls that only an intruder makes.
  void KillOn(std::initializer_list<const char*> calls);

  // Fails with ENOSYS, on which libc takes an older call.
  void PretendMissing(const char* call);

  // Sets no_new_privs. Errors: the first rule that could not be made, or the kernel's.
  absl::Status Load();

 private:
  struct Context;

  void Add(std::uint32_t action, const char* call, std::initializer_list<Condition> conditions);

  const FilterMode mode_;
  std::unique_ptr<Context> context_;
  absl::Status status_;
};

}  // namespace stillframe
