#include "guest/xen/written_by_xen.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "guest/xen/xen_c.h"

extern "C" {
#include <xen/event_channel.h>
#include <xen/xen.h>
}

namespace stillframe {
namespace {

constexpr std::uint32_t kLinkMask = (1u << EVTCHN_FIFO_LINK_BITS) - 1;
constexpr std::uint32_t kMasked = 1u << EVTCHN_FIFO_MASKED;
constexpr std::uint32_t kEventBits = kLinkMask | kMasked | 1u << EVTCHN_FIFO_PENDING |
                                     1u << EVTCHN_FIFO_LINKED | 1u << EVTCHN_FIFO_BUSY;

template <typename Value>
Value Load(const std::byte* at) {
  Value value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Xen normalizes the multiplier so that its top bit is set (set_time_scale in Xen's time.c).
bool IsVcpuInfo(const std::byte* at) {
  const auto info = Load<vcpu_info_t>(at);
  return info.evtchn_upcall_pending <= 1 && info.evtchn_upcall_mask <= 1 && info.time.pad0 == 0 &&
         info.time.pad1[0] == 0 && info.time.pad1[1] == 0 &&
         info.time.tsc_to_system_mul >> 31 != 0 && info.time.tsc_shift > -32 &&
         info.time.tsc_shift < 32 && info.time.tsc_timestamp != 0 && info.time.system_time != 0 &&
         info.time.version != 0;
}

// Guests mask all events of a new array, and unmask those that they use.
bool IsEventArray(std::span<const std::byte, kPageBytes> page) {
  std::size_t masked = 0;
  for (std::size_t at = 0; at < kPageBytes; at += sizeof(event_word_t)) {
    const auto word = Load<event_word_t>(&page[at]);
    if ((word & ~kEventBits) != 0) return false;
    if ((word & kMasked) != 0) ++masked;
  }
  return masked >= kPageBytes / sizeof(event_word_t) / 2;
}

bool IsControlBlock(std::span<const std::byte, kPageBytes> page) {
  const auto block = Load<evtchn_fifo_control_block_t>(page.data());
  if (block.ready >> (EVTCHN_FIFO_PRIORITY_MIN + 1) != 0 || block._rsvd != 0) return false;
  const bool heads = std::all_of(std::begin(block.head), std::end(block.head),
                                 [](event_word_t head) { return head <= kLinkMask; });
  const auto rest = page.subspan(sizeof block);
  const auto zero = [](std::byte byte) { return byte == std::byte{0}; };
  return heads && std::all_of(rest.begin(), rest.end(), zero) &&
         !std::all_of(page.begin(), page.begin() + sizeof block, zero);
}

}  // namespace

bool IsWrittenByXen(std::span<const std::byte, kPageBytes> page) {
  static_assert(sizeof(vcpu_info_t) == 64);
  for (std::size_t at = 0; at < kPageBytes; at += sizeof(vcpu_info_t)) {
    if (IsVcpuInfo(&page[at])) return true;
  }
  return IsEventArray(page) || IsControlBlock(page);
}

}  // namespace stillframe
