// How the QEMU backend reads guests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stillframe {

// When MSRs (LSTAR, STAR, SYSENTER_*...) are read. QEMU shows them only in its device state, which
// is had by a migration without RAM while the guest stands. That costs 3-8 ms more in the fetch and
// some 4 ms in the resume (emulated, two vCPUs), and QEMU goes through the states of a migration.
// Registers that a capture did not read are absent from it.
enum class MsrPolicy : std::uint8_t {
  kNever,
  kOncePerBoot,  // in the first captures after a boot, until LSTAR is set
  kAlways,
};

struct QemuOptions {
  // Globs of QMP sockets that are Stillframe's own, such as "/run/qemu/*.qmp".
  std::vector<std::string> qmp_globs;

  MsrPolicy msrs = MsrPolicy::kOncePerBoot;
};

}  // namespace stillframe
