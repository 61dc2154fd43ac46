#include "gateway/grpc_status.h"

#include "gateway/error_details.h"

namespace stillframe {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), TrailerMessageOf(status),
                      ErrorDetailsOf(status));
}

}  // namespace stillframe
