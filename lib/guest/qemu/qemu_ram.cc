#include "guest/qemu/qemu_ram.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <utility>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace stillframe {
namespace {

constexpr QmpConnection::Timeout kTimeout{1000};

// "Host virtual address for 0x1000 (ram) is 0x7fe0f4000000"
absl::StatusOr<std::uint64_t> HostAddressOf(QmpConnection& qmp, std::uint64_t guest_address) {
  SF_ASSIGN_OR_RETURN(std::string text,
                      qmp.ExecuteHuman(fmt::format("gpa2hva {:#x}", guest_address), kTimeout));
  constexpr std::string_view kBefore = " is 0x";
  const std::size_t at = text.rfind(kBefore);
  std::uint64_t address = 0;
  if (at != std::string::npos) {
    std::from_chars(text.data() + at + kBefore.size(), text.data() + text.size(), address, 16);
  }
  if (address == 0) {
    return absl::DataLossError(fmt::format(
        "QEMU does not say where guest memory {:#x} lies: {:.100}", guest_address, text));
  }
  return address;
}

}  // namespace

std::vector<RamBlock> MemoryBlocks(const std::vector<FlatRange>& ranges) {
  std::map<std::string, std::uint64_t> bytes;
  for (const FlatRange& range : ranges) {
    if (range.kind == FlatKind::kDevice) continue;
    // Saturates: offsets come from another process.
    const std::uint64_t end = range.last - range.first < UINT64_MAX - range.offset
                                  ? range.offset + (range.last - range.first) + 1
                                  : UINT64_MAX;
    bytes[range.block] = std::max(bytes[range.block], end);
  }
  std::vector<RamBlock> blocks;
  for (const auto& [name, length] : bytes) blocks.push_back({name, length});
  return blocks;
}

absl::StatusOr<std::shared_ptr<QemuRam>> OpenQemuRam(QmpConnection& qmp,
                                                     const std::vector<FlatRange>& ranges) {
  absl::StatusOr<nlohmann::json> backends = qmp.Execute("query-memdev", nullptr, kTimeout);
  SF_RETURN_IF_ERROR(backends.status());
  const auto is_backend = [&](const std::string& block) {
    return std::any_of(backends->begin(), backends->end(), [&](const nlohmann::json& backend) {
      return backend.is_object() && backend.contains("id") && backend["id"] == block;
    });
  };
  auto ram = std::make_shared<QemuRam>();
  ram->all = MemoryBlocks(ranges);
  for (const RamBlock& block : ram->all) {
    if (block.bytes > kGuestPagesMax * kPageBytes) {
      return absl::FailedPreconditionError(
          fmt::format("memory block {} is larger than 16 TiB", block.name));
    }
    const auto sample = std::find_if(ranges.begin(), ranges.end(), [&](const FlatRange& range) {
      return range.kind != FlatKind::kDevice && range.block == block.name;
    });
    SF_ASSIGN_OR_RETURN(std::uint64_t address, HostAddressOf(qmp, sample->first));
    absl::StatusOr<SharedRam> shared =
        SharedRam::Open(qmp.peer_pid(), address - sample->offset, block.bytes);
    if (shared.ok()) {
      ram->blocks.push_back(block);
      ram->mapped.push_back(*std::move(shared));
    } else if (block.name == ranges.front().block || is_backend(block.name)) {
      return Annotate(shared.status(), fmt::format("memory block {}", block.name));
    }
  }
  if (ram->blocks.empty()) {
    return absl::FailedPreconditionError("QEMU's memory tree names no memory");
  }
  return ram;
}

}  // namespace stillframe
