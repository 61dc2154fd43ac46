#include "local/wire_error.h"

#include <map>
#include <string>

#include "base/reason.h"
#include "base/status.h"

namespace stillframe {

local::v1::Error ToWire(const absl::Status& status) {
  local::v1::Error error;
  error.set_code(static_cast<int>(status.code()));
  error.set_message(MessageOf(status));
  const Reason reason = ReasonOf(status);
  error.set_reason(reason.name);
  for (const auto& [key, value] : reason.metadata) (*error.mutable_metadata())[key] = value;
  return error;
}

absl::Status FromWire(const local::v1::Error& error) {
  // absl's codes are google.rpc.Code's numbers: 1 to 16.
  const bool known = error.code() >= 1 && error.code() <= 16;
  absl::Status status(
      known ? static_cast<absl::StatusCode>(error.code()) : absl::StatusCode::kUnknown,
      error.message());
  if (error.reason().empty()) return status;
  const std::map<std::string, std::string> metadata(error.metadata().begin(),
                                                    error.metadata().end());
  return WithReason(std::move(status), error.reason(), metadata);
}

}  // namespace stillframe
