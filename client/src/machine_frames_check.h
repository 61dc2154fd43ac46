// Puts together the table of machine frames that a gateway streams, and checks it: its parts come
// in order, with nothing left out and no more than there are pages.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stillframe/v1/memory_service.pb.h"

namespace stillframe {

class MachineFramesCheck {
 public:
  explicit MachineFramesCheck(std::uint64_t page_count) : page_count_(page_count) {}

  // DATA_LOSS when `part` is not what comes next.
  absl::Status Accept(const v1::ReadMachineFramesResponse& part);

  // The table; DATA_LOSS when parts are missing at the end. Once.
  absl::StatusOr<std::vector<std::uint64_t>> Finish();

 private:
  const std::uint64_t page_count_;
  std::vector<std::uint64_t> frames_;  // grows with what came, not with what was announced
};

}  // namespace stillframe
