// Turns a status into what goes over the wire beside code and message.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace stillframe {

// A serialised google.rpc.Status with an ErrorInfo (domain "stillframe") where the status has a
// reason, and a RetryInfo where waiting helps: the value of grpc-status-details-bin.
std::string ErrorDetailsOf(const absl::Status& status);

// The message as it fits into a trailer: at most 1 KiB, cut between characters.
std::string TrailerMessageOf(const absl::Status& status);

}  // namespace stillframe
