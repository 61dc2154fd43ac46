#include "stillframe/connection.h"

#include <utility>

#include "base/status.h"
#include "grpc_channel.h"
#include "grpc_connection.h"
#include "local_connection.h"
#include "target.h"

namespace stillframe {

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& target,
                                                             const TlsFiles& tls) {
  SF_ASSIGN_OR_RETURN(const Target parsed, Target::Parse(target));
  if (parsed.kind == Target::Kind::kLocal) return OpenLocalConnection(parsed);
  if (parsed.kind == Target::Kind::kGrpcUnix) SF_RETURN_IF_ERROR(TrySocket(parsed));
  const bool encrypt = parsed.kind == Target::Kind::kGrpcTcp;
  SF_ASSIGN_OR_RETURN(auto channels, GrpcChannels::Create(parsed, encrypt ? tls : TlsFiles{}));
  return MakeGrpcConnection(std::move(channels));
}

v1::SnapshotSelector Select(std::string guest, std::uint64_t generation, std::string epoch) {
  v1::SnapshotSelector selector;
  selector.set_guest(std::move(guest));
  selector.set_generation(generation);
  selector.set_epoch(std::move(epoch));
  return selector;
}

}  // namespace stillframe
