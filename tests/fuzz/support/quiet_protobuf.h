// Keeps protobuf from telling of every message that it cannot parse. For one file of a target.
#pragma once

#include <google/protobuf/stubs/logging.h>

namespace stillframe::fuzz {

inline const auto kLogHandlerBefore = google::protobuf::SetLogHandler(nullptr);

}  // namespace stillframe::fuzz
