// The gRPC channels to one gateway. Thread-safe.
#pragma once

#include <grpcpp/channel.h>

#include <memory>

#include "absl/status/statusor.h"
#include "stillframe/connection.h"
#include "target.h"

namespace stillframe {

// Two connections, because what is fast for one kind of traffic is slow for the other: with
// grpc.http2.bdp_probe=0 streams of 1 MiB chunks run at 0.79-1.02 of a raw socket instead of
// 0.45-0.61, and small messages slower.
struct GrpcChannels {
  Target target;
  std::shared_ptr<grpc::Channel> calls;
  std::shared_ptr<grpc::Channel> bulk;  // ReadPages and ReadMachineFrames

  // Connects lazily. INVALID_ARGUMENT or what errno means when a TLS file cannot be read.
  static absl::StatusOr<std::shared_ptr<const GrpcChannels>> Create(const Target& target,
                                                                    const TlsFiles& tls);
};

}  // namespace stillframe
