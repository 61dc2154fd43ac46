// A gRPC status with an ErrorInfo, as the real gateway makes them.
#pragma once

#include <grpcpp/support/status.h>

#include <map>
#include <string>

namespace stillframe::testing {

grpc::Status FakeError(grpc::StatusCode code, const std::string& message, const std::string& reason,
                       const std::map<std::string, std::string>& metadata);

}  // namespace stillframe::testing
