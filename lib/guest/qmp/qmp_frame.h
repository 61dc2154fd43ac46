// One line of QEMU's monitor protocol (QMP), taken apart without allocating.
//
// Pure functions over bytes that QEMU sent, so the pause window may use them. All views point
// into the line. Nothing is trusted: a line that is not one JSON object is kMalformed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stillframe {

enum class QmpFrameKind : std::uint8_t { kMalformed, kGreeting, kReturn, kError, kEvent };

struct QmpFrame {
  QmpFrameKind kind = QmpFrameKind::kMalformed;
  std::string_view id;         // of the request, without quotes; empty when there is none
  std::string_view body;       // raw JSON: the value of "return", "error", "QMP" or "data"
  std::string_view event;      // the event's name
  std::uint64_t event_us = 0;  // QEMU's own time stamp, microseconds since the Unix epoch
};

QmpFrame ScanQmpFrame(std::string_view line);

// The raw JSON value of member `key` of `object`; empty when there is none. Keys with escapes
// never match. Nested objects are not searched.
std::string_view FindMember(std::string_view object, std::string_view key);

// `value` without its quotes when it is a string, else empty; escapes stay as they are.
std::string_view Unquote(std::string_view value);

}  // namespace stillframe
