// Statuses, with their reasons, as the protocol's error messages.
#pragma once

#include "absl/status/status.h"
#include "stillframe/local/v1/local.pb.h"

namespace stillframe {

local::v1::Error ToWire(const absl::Status& status);

// Never OK, whatever the message says.
absl::Status FromWire(const local::v1::Error& error);

}  // namespace stillframe
