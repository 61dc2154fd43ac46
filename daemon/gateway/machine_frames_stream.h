// Answers ReadMachineFrames.
#pragma once

#include <memory>

#include "gateway/machine_frames_plan.h"
#include "gateway/stream_writer.h"
#include "stillframe/v1/memory_service.pb.h"

namespace stillframe {

class MachineFramesStream final : public StreamWriter<v1::ReadMachineFramesResponse> {
 public:
  MachineFramesStream(std::unique_ptr<GatewayCall> call, MachineFramesPlan plan);

 private:
  Step Next(v1::ReadMachineFramesResponse& response, absl::Status& end) override;

  MachineFramesPlan plan_;
  bool described_ = false;  // the first response was sent
};

}  // namespace stillframe
