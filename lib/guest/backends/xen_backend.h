// The Xen backend, or what stands for it in a build without Xen's libraries.
#pragma once

#include <memory>
#include <vector>

#include "guest/hypervisor.h"

namespace stillframe {

// Never null: a build without Xen gives a hypervisor whose every call says so.
std::unique_ptr<Hypervisor> MakeXenHypervisor();

// Adds the resumer, where the build has one.
void AddXenResumer(std::vector<std::unique_ptr<GuestResumer>>& resumers);

}  // namespace stillframe
