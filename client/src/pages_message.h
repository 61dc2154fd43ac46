// A ReadPagesResponse as it came off the wire, its bytes not copied when they lie in one piece.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "stillframe/snapshot_reader.h"

namespace stillframe {

struct PagesMessage {
  std::optional<v1::Snapshot> snapshot;  // the first message has it, and no run
  PageRun run;                           // its bytes lie in the buffer or in `scratch`
};

// INTERNAL when `buffer` is no such message. `scratch` is reused from message to message.
absl::Status DecodePages(grpc::ByteBuffer& buffer, std::vector<std::byte>& scratch,
                         PagesMessage& message);

}  // namespace stillframe
