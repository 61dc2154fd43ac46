// Small reads of one snapshot over one long-lived ReadScatter stream.
//
// Owned by one thread at a time. Opened by the first read, opened again after it broke.
#pragma once

#include <grpcpp/client_context.h>

#include <memory>
#include <span>

#include "absl/status/status.h"
#include "grpc_channel.h"
#include "stillframe/snapshot_reader.h"
#include "stillframe/v1/memory_service.grpc.pb.h"

namespace stillframe {

class GrpcScatterStream {
 public:
  GrpcScatterStream(std::shared_ptr<const GrpcChannels> channels, v1::SnapshotSelector selector);
  ~GrpcScatterStream();

  // As SnapshotReader::ReadScatter.
  absl::Status Read(std::span<ScatterRead> reads);

 private:
  using Stream = grpc::ClientReaderWriter<v1::ReadScatterRequest, v1::ReadScatterResponse>;

  // A piece of one of the caller's reads that fits the protocol's bounds.
  struct Piece {
    ScatterRead* read = nullptr;
    std::size_t offset = 0;
    std::uint32_t length = 0;
  };

  absl::Status ReadBatch(std::span<const Piece> batch);
  absl::Status Exchange(std::span<const Piece> batch);
  absl::Status TakeResults(std::span<const Piece> batch) const;
  absl::Status Close();

  const std::shared_ptr<const GrpcChannels> channels_;
  const v1::SnapshotSelector selector_;
  const std::unique_ptr<v1::MemoryService::Stub> stub_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<Stream> stream_;
  v1::ReadScatterRequest request_;  // kept, so that small reads allocate little
  v1::ReadScatterResponse response_;
};

}  // namespace stillframe
