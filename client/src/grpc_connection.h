// Connection over gRPC to a gateway.
#pragma once

#include <memory>

#include "grpc_channel.h"
#include "stillframe/connection.h"

namespace stillframe {

std::unique_ptr<Connection> MakeGrpcConnection(std::shared_ptr<const GrpcChannels> channels);

}  // namespace stillframe
