#include "soak/stamped_guest.h"

#include <fmt/format.h>

#include <cstring>

#include "base/status.h"
#include "introspect/torn_pages.h"

namespace stillframe::soak {
namespace {

constexpr std::byte kZeros[kPageBytes] = {};

absl::Status Wrong(const v1::Snapshot& metadata, Gfn gfn, std::string_view what) {
  return absl::InternalError(fmt::format("{}@{} of epoch {}, gfn {:#x}: {}", metadata.guest_name(),
                                         metadata.generation(), metadata.epoch(), gfn.value, what));
}

void Store(std::byte* page, std::size_t offset, std::uint64_t value) {
  std::memcpy(page + offset, &value, sizeof value);
}

}  // namespace

std::vector<std::string> GuestArguments(std::uint64_t seed) {
  return {"--ram-mib",
          std::to_string(kRamMib),
          "--workload",
          "torn",
          "--seed",
          std::to_string(seed),
          "--window-pages",
          std::to_string(kWindow.pages),
          "--dirty-pages-per-second",
          "500"};
}

absl::StatusOr<Stamp> StampOf(const v1::Snapshot& metadata, Gfn gfn) {
  if (metadata.vcpus_size() != 1 || metadata.vcpus(0).general_size() != 16) {
    return Wrong(metadata, gfn, "the registers are missing");
  }
  const std::uint64_t pass = metadata.vcpus(0).general(0);
  const std::uint64_t next = metadata.vcpus(0).general(1);
  if (pass == 0 || next >= kWindow.pages) {
    return Wrong(metadata, gfn, fmt::format("the registers say {}:{}", pass, next));
  }
  return Stamp{gfn.value - kWindow.first.value < next ? pass : pass - 1};
}

absl::Status JudgePage(const v1::Snapshot& metadata, Gfn gfn,
                       std::span<const std::byte, kPageBytes> page) {
  if (!kWindow.Contains(gfn)) {
    return std::memcmp(page.data(), kZeros, kPageBytes) == 0
               ? absl::OkStatus()
               : Wrong(metadata, gfn, "not zero, and nobody wrote to it");
  }
  SF_ASSIGN_OR_RETURN(const Stamp stamp, StampOf(metadata, gfn));
  std::byte expected[kPageBytes] = {};
  std::memcpy(expected, kTornPageMagic.data(), kTornPageMagic.size());
  Store(expected, kTornIndexOffset, gfn.value - kWindow.first.value);
  Store(expected, kTornHeadOffset, stamp.head);
  Store(expected, kTornTailOffset, stamp.head);
  if (std::memcmp(page.data(), expected, kPageBytes) == 0) return absl::OkStatus();
  std::uint64_t head = 0, tail = 0;
  std::memcpy(&head, page.data() + kTornHeadOffset, sizeof head);
  std::memcpy(&tail, page.data() + kTornTailOffset, sizeof tail);
  return Wrong(
      metadata, gfn,
      fmt::format("stamped {} and {}, not {}, or other bytes differ", head, tail, stamp.head));
}

absl::Status JudgeRun(const v1::Snapshot& metadata, const PageRun& run) {
  for (std::uint64_t i = 0; i < run.range.pages; ++i) {
    const Gfn gfn = run.range.first + i;
    if (run.status == v1::PAGE_STATUS_PRESENT) {
      SF_RETURN_IF_ERROR(JudgePage(metadata, gfn,
                                   std::span<const std::byte, kPageBytes>(
                                       run.bytes.data() + (i << kPageShift), kPageBytes)));
      continue;
    }
    const bool ballooned = run.status == v1::PAGE_STATUS_ABSENT_BALLOONED && kBalloon.Contains(gfn);
    const bool zero = run.status == v1::PAGE_STATUS_ZERO && !kWindow.Contains(gfn);
    if (!ballooned && !zero) {
      return Wrong(metadata, gfn, fmt::format("it is said to be {}", NameOf(run.status)));
    }
  }
  return absl::OkStatus();
}

}  // namespace stillframe::soak
