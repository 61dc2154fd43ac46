// The one place that knows every backend by name.
//
// Nothing else includes a backend's headers, so a new hypervisor touches this folder alone.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "guest/hypervisor.h"

namespace stillframe {

// When the model-specific registers of QEMU guests are read (guest/qemu/qemu_options.h: the cost).
enum class QemuMsrs { kNever, kOnce, kAlways };

// Whether the Xen that this host's dom0 runs on is asked for guests; kAuto: where this is a dom0.
enum class XenUse { kNever, kAuto, kAlways };

struct BackendOptions {
  // Directory where simulated guests put their control sockets; empty: backend off.
  std::string sim_directory;

  // Globs of QMP sockets, such as "/run/qemu/*.qmp"; empty: backend off.
  std::vector<std::string> qemu_qmp_globs;

  QemuMsrs qemu_msrs = QemuMsrs::kOnce;
  XenUse xen = XenUse::kNever;
};

// One hypervisor per backend that `options` turns on.
std::vector<std::unique_ptr<Hypervisor>> OpenHypervisors(const BackendOptions& options);

// A resumer for every backend of this build; none needs options, tickets say all.
std::vector<std::unique_ptr<GuestResumer>> OpenResumers();

}  // namespace stillframe
