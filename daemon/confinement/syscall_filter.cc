#include "confinement/syscall_filter.h"

#include <fmt/format.h>
#include <seccomp.h>

#include <cerrno>
#include <vector>

#include "base/status.h"

namespace stillframe {

bool CanFilterSystemCalls() {
#ifdef STILLFRAME_UNFILTERED
  return false;
#else
  return true;
#endif
}

struct SyscallFilter::Context {
  explicit Context(std::uint32_t default_action) : filter(seccomp_init(default_action)) {}
  ~Context() { seccomp_release(filter); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const scmp_filter_ctx filter;
};

SyscallFilter::SyscallFilter(FilterMode mode) : mode_(mode) {
  if (mode == FilterMode::kOff) return;
  context_ =
      std::make_unique<Context>(mode == FilterMode::kLog ? SCMP_ACT_LOG : SCMP_ACT_ERRNO(EPERM));
  if (context_->filter == nullptr) status_ = absl::InternalError("make a system call filter");
}

SyscallFilter::~SyscallFilter() = default;

void SyscallFilter::Add(std::uint32_t action, const char* call,
                        std::initializer_list<Condition> conditions) {
  if (mode_ == FilterMode::kOff || !status_.ok()) return;
  if (mode_ == FilterMode::kLog && action != SCMP_ACT_ALLOW) return;
  std::vector<scmp_arg_cmp> arguments;
  for (const Condition& condition : conditions) {
    arguments.push_back({condition.index, SCMP_CMP_MASKED_EQ, condition.mask, condition.value});
  }
  const int number = seccomp_syscall_resolve_name(call);
  const int error =
      number == __NR_SCMP_ERROR
          ? -EINVAL
          : seccomp_rule_add_array(context_->filter, action, number,
                                   static_cast<unsigned>(arguments.size()), arguments.data());
  if (error < 0) status_ = ErrnoStatus(-error, fmt::format("filter the system call {}", call));
}

void SyscallFilter::Allow(std::initializer_list<const char*> calls) {
  for (const char* const call : calls) Add(SCMP_ACT_ALLOW, call, {});
}

void SyscallFilter::AllowIf(const char* call, std::initializer_list<Condition> conditions) {
  Add(SCMP_ACT_ALLOW, call, conditions);
}

void SyscallFilter::KillOn(std::initializer_list<const char*> calls) {
  for (const char* const call : calls) Add(SCMP_ACT_KILL_PROCESS, call, {});
}

void SyscallFilter::PretendMissing(const char* call) { Add(SCMP_ACT_ERRNO(ENOSYS), call, {}); }

absl::Status SyscallFilter::Load() {
  if (mode_ == FilterMode::kOff || !CanFilterSystemCalls()) return absl::OkStatus();
  SF_RETURN_IF_ERROR(status_);
  // All threads; refusals in the audit log; and no mitigations that are meant for strangers' code.
  for (const scmp_filter_attr attribute :
       {SCMP_FLTATR_CTL_TSYNC, SCMP_FLTATR_CTL_LOG, SCMP_FLTATR_CTL_SSB}) {
    if (const int error = seccomp_attr_set(context_->filter, attribute, 1); error != 0) {
      return ErrnoStatus(-error, "set up the system call filter");
    }
  }
  if (const int error = seccomp_load(context_->filter); error != 0) {
    return ErrnoStatus(-error, "load the system call filter");
  }
  return absl::OkStatus();
}

}  // namespace stillframe
