// Reads a guest's virtual memory by hand, as a judge of cleverer code: x86-64 tables only.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "guest/guest.h"
#include "guest/machine_to_guest.h"

namespace stillframe {

// The aligned 64-bit word at an address as CR3 and page tables hold it, or nothing.
using WordReader = std::function<std::optional<std::uint64_t>(std::uint64_t address)>;

inline std::optional<std::uint64_t> ReadPhysical64(const GuestView& view, std::uint64_t address) {
  for (const MappedExtent& extent : view.extents) {
    if (!extent.range.Contains(Gfn::OfAddress(address))) continue;
    std::uint64_t value = 0;
    std::memcpy(&value, extent.at + (address - extent.range.first.address()), sizeof value);
    return value;
  }
  return std::nullopt;
}

// `view` must outlive it.
inline WordReader WordsOf(const GuestView& view) {
  if (view.machine_frames == nullptr) {
    return [&view](std::uint64_t address) { return ReadPhysical64(view, address); };
  }
  auto guest_frames = std::make_shared<const MachineToGuest>(*view.machine_frames);
  return [&view, guest_frames](std::uint64_t address) -> std::optional<std::uint64_t> {
    const std::optional<Gfn> gfn = guest_frames->Find(address >> kPageShift);
    if (!gfn) return std::nullopt;
    return ReadPhysical64(view, gfn->address() | (address & (kPageBytes - 1)));
  };
}

// Where the tables say `address` is, or nothing when it is not mapped.
inline std::optional<std::uint64_t> Translate(const WordReader& words, std::uint64_t cr3,
                                              std::uint64_t cr4, std::uint64_t address) {
  constexpr std::uint64_t kFrame = 0x000f'ffff'ffff'f000;
  constexpr std::uint64_t kPresent = 1;
  constexpr std::uint64_t kLarge = 1u << 7;
  constexpr std::uint64_t kFiveLevels = 1u << 12;  // CR4.LA57
  std::uint64_t table = cr3 & kFrame;
  for (int level = (cr4 & kFiveLevels) != 0 ? 5 : 4; level > 0; --level) {
    const int shift = 12 + 9 * (level - 1);
    const auto entry = words(table + ((address >> shift) & 511) * 8);
    if (!entry || (*entry & kPresent) == 0) return std::nullopt;
    if (level == 1 || (level <= 3 && (*entry & kLarge) != 0)) {
      const std::uint64_t offset = (std::uint64_t{1} << shift) - 1;
      return (*entry & kFrame & ~offset) | (address & offset);
    }
    table = *entry & kFrame;
  }
  return std::nullopt;
}

// The zero-terminated text at kernel address `address` as a vCPU maps it. With page-table isolation
// a CR3 of user mode does not map the kernel: its sibling table does.
inline std::string ReadKernelText(const WordReader& words, std::uint64_t vcpu_cr3,
                                  std::uint64_t cr4, std::uint64_t address) {
  constexpr std::uint64_t kUserTable = 0x1000;
  for (const std::uint64_t cr3 : {vcpu_cr3, vcpu_cr3 & ~kUserTable}) {
    std::string text;
    for (std::uint64_t at = address; text.size() < 4096; ++at) {
      const auto physical = Translate(words, cr3, cr4, at);
      const auto word = physical ? words(*physical & ~std::uint64_t{7}) : physical;
      if (!word) break;
      const char c = static_cast<char>(*word >> (*physical % 8 * 8));
      if (c == '\0') return text;
      text += c;
    }
  }
  return "";
}

}  // namespace stillframe
