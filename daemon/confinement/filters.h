// The system calls that each of our processes makes once it serves; everything else is refused.
//
// The lists are what real runs show on simulated, QEMU and Xen guests, and what libc and gRPC do on
// rarer paths. A call that was forgotten fails with EPERM and is in the kernel's audit log; a call
// that only an intruder makes (another program, a debugger, a mount, a module...) ends the daemon
// or the gateway. The guardian is never ended: nobody else would resume its guests.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "config/schema.h"

namespace stillframe {

// Each loads its list for the calling process, all threads, for good. Does nothing when `mode` is
// kOff or this build is instrumented.

// Unix sockets only, and the ioctls of the backends. The guardian, which is started again by this
// process and then bound by this list too, must find here what it needs to start.
absl::Status FilterStillframed(FilterMode mode);

// No other program, no new thread, no socket but a unix one to resume a guest by.
absl::Status FilterGuardian(FilterMode mode);

// No other program or process, no devices' ioctls, unix and internet sockets.
absl::Status FilterGateway(FilterMode mode);

// How the log calls it: "system calls are filtered".
const char* Describe(FilterMode mode);

// How the daemon tells its guardian: "enforce". What is no mode's name is enforced.
FilterMode FilterModeOf(std::string_view name);

}  // namespace stillframe
