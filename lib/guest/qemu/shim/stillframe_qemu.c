/* LD_PRELOAD shim for a stock QEMU: opens a userfaultfd of QEMU's own address space, which only QEMU
 * itself can, and leaves it open for stillframed to duplicate (pidfd_getfd). It registers nothing, so
 * QEMU runs as ever until a daemon does; and because faults are resolved asynchronously, in the
 * kernel, QEMU never waits for a daemon, alive or dead.
 *
 * The set of features is how the daemon tells this descriptor from QEMU's own. Where a kernel lacks
 * one of them (before Linux 6.7), or anything else fails, nothing is opened and nothing is said.
 * Loaded into any other program it does nothing. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "write_protect_abi.h"

static int descriptor = -1;

/* Only system calls: it also runs between a fork and whatever follows. User mode only: that needs no
 * privilege, and concerns faults that are handed to a handler, of which there are none. */
static void open_userfault(void) {
  struct stillframe_uffdio_api api = {STILLFRAME_UFFD_API, STILLFRAME_UFFD_FEATURES, 0};
  descriptor = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | STILLFRAME_UFFD_USER_MODE_ONLY);
  if (descriptor < 0 || ioctl(descriptor, STILLFRAME_UFFDIO_API, &api) == 0) return;
  close(descriptor);
  descriptor = -1;
}

/* A userfaultfd is of the process that opened it, so that of the parent serves nobody here. The
 * child may be QEMU itself (-daemonize); another one's descriptor is gone at its exec. */
static void follow_fork(void) {
  const int saved_errno = errno;
  if (descriptor >= 0) {
    close(descriptor);
    open_userfault();
  }
  errno = saved_errno;
}

/* "qemu-system-x86_64", "qemu-kvm"; Proxmox calls it "kvm". */
static int is_qemu(const char* name) {
  return strncmp(name, "qemu", 4) == 0 || strcmp(name, "kvm") == 0;
}

__attribute__((constructor)) static void start(void) {
  const int saved_errno = errno;
  if (!is_qemu(program_invocation_short_name)) return;
  const char* preload = getenv("LD_PRELOAD");
  /* QEMU's helpers need no shim. Among several objects it stays, as others may be meant for them. */
  if (preload != NULL && strpbrk(preload, ": ") == NULL) unsetenv("LD_PRELOAD");
  open_userfault();
  if (descriptor >= 0) pthread_atfork(NULL, NULL, follow_fork);
  errno = saved_errno;
}
