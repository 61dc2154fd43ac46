#include "gateway/machine_frames_stream.h"

#include <optional>
#include <utility>

namespace stillframe {

MachineFramesStream::MachineFramesStream(std::unique_ptr<GatewayCall> call, MachineFramesPlan plan)
    : StreamWriter(std::move(call)), plan_(std::move(plan)) {}

MachineFramesStream::Step MachineFramesStream::Next(v1::ReadMachineFramesResponse& response,
                                                    absl::Status& end) {
  if (!described_) {
    described_ = true;
    *response.mutable_snapshot() = plan_.snapshot().metadata();
    return Step::kWrite;
  }
  const std::optional<MachineFramesPlan::Chunk> chunk = plan_.Next();
  if (!chunk.has_value()) {
    // The table is sealed and never recycled: it is right whether or not the pin held.
    end = absl::OkStatus();
    return Step::kEnd;
  }
  response.set_first_gfn(chunk->first.value);
  response.mutable_machine_frames()->Add(chunk->frames.begin(), chunk->frames.end());
  return Step::kWrite;
}

}  // namespace stillframe
