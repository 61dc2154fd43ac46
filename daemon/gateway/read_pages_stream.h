// Answers ReadPages: runs of a snapshot's pages, sent from where they are mapped.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <memory>

#include "gateway/read_plan.h"
#include "gateway/stream_writer.h"

namespace stillframe {

class ReadPagesStream final : public StreamWriter<grpc::ByteBuffer> {
 public:
  ReadPagesStream(std::unique_ptr<GatewayCall> call, ReadPlan plan);

 private:
  Step Next(grpc::ByteBuffer& response, absl::Status& end) override;
  Step End(absl::Status& end);

  ReadPlan plan_;
  const std::shared_ptr<InFlight> in_flight_;
  bool described_ = false;  // the first response was sent
  bool has_chunk_ = false;  // chunk_ waits for room
  ReadChunk chunk_;
};

}  // namespace stillframe
