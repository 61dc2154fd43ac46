#include "stillframe/snapshot_reader.h"

#include <fmt/format.h>

#include "base/reason.h"
#include "base/status.h"

namespace stillframe {

absl::Status SnapshotReader::ReadAt(std::uint64_t address, std::span<std::byte> destination) {
  ScatterRead read;
  read.address = address;
  read.destination = destination;
  SF_RETURN_IF_ERROR(ReadScatter({&read, 1}));
  if (read.copied == destination.size()) return absl::OkStatus();
  const Gfn gfn = Gfn::OfAddress(address + read.copied);
  return WithReason(absl::DataLossError(fmt::format(
                        "read {} bytes at {:#x}: the page at {:#x} is {}", destination.size(),
                        address, gfn.address(), NameOf(read.status))),
                    "PAGE_ABSENT",
                    {{"gfn", std::to_string(gfn.value)}, {"kind", NameOf(read.status)}});
}

const char* NameOf(v1::PageStatus status) {
  switch (status) {
    case v1::PAGE_STATUS_PRESENT:
      return "present";
    case v1::PAGE_STATUS_ZERO:
      return "zero";
    case v1::PAGE_STATUS_ABSENT_HOLE:
      return "hole";
    case v1::PAGE_STATUS_ABSENT_BALLOONED:
      return "ballooned";
    case v1::PAGE_STATUS_ABSENT_MMIO:
      return "mmio";
    case v1::PAGE_STATUS_ABSENT_UNREADABLE:
      return "unreadable";
    default:
      return "unknown";
  }
}

}  // namespace stillframe
