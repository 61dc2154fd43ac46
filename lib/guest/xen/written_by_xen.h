// Recognizes the pages of a guest that Xen itself writes: raised events and the vCPUs' clocks. It
// does so without its dirty log noticing, and also while the guest stands.
//
// Which frames these are, the guest told Xen in hypercalls; no call tells dom0. So they are known
// by their content. A guest that forges some makes its own captures copy more, nothing else.
//
// Pure; thread-safe.
#pragma once

#include <cstddef>
#include <span>

#include "base/units.h"

namespace stillframe {

// Whether a page holds a struct vcpu_info (xen.h; shared_info begins with one), an array of event
// words or a FIFO control block (event_channel.h). Misses a control block without events: that one
// is zero.
bool IsWrittenByXen(std::span<const std::byte, kPageBytes> page);

}  // namespace stillframe
