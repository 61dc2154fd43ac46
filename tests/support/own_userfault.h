// A userfaultfd of this process, as libstillframe-qemu.so opens one in QEMU: this process plays
// QEMU.
//
// Owned by one thread.
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "guest/qemu/shim/write_protect_abi.h"

namespace stillframe {

// Not valid where the kernel is older than 6.7 or refuses.
inline UniqueFd OpenOwnUserfault(std::uint64_t features = STILLFRAME_UFFD_FEATURES) {
  UniqueFd userfault(static_cast<int>(
      syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | STILLFRAME_UFFD_USER_MODE_ONLY)));
  stillframe_uffdio_api api = {STILLFRAME_UFFD_API, features, 0};
  if (userfault.valid() && ioctl(userfault.get(), STILLFRAME_UFFDIO_API, &api) != 0) {
    userfault.reset();
  }
  return userfault;
}

// A pidfd of this process.
inline UniqueFd OpenOwnPidfd() {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
}

}  // namespace stillframe
