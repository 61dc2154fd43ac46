#include "guest/qmp/qmp_frame.h"

#include <charconv>

namespace stillframe {
namespace {

constexpr int kDepthMax = 64;

std::size_t SkipSpace(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r')) ++at;
  return at;
}

// One past the closing quote of the string that opens at `at`; npos when it does not close.
std::size_t SkipString(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

// One past the value that starts at `at`; npos when it does not end or nests too deep.
std::size_t SkipValue(std::string_view text, std::size_t at) {
  const std::size_t first = at;
  int depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = SkipString(text, at);
      if (at == std::string_view::npos || depth == 0) return at;
      continue;
    }
    if (c == '{' || c == '[') {
      if (++depth > kDepthMax) return std::string_view::npos;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at > first ? at : std::string_view::npos;
      if (--depth == 0) return at + 1;
    } else if (c == ',' && depth == 0) {
      return at > first ? at : std::string_view::npos;
    }
    ++at;
  }
  return std::string_view::npos;
}

// Calls visit(key, value) for each member; false unless `text` is one whole object.
template <typename Visit>
bool ForEachMember(std::string_view text, Visit visit) {
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t at = SkipSpace(text, 0);
  if (at >= text.size() || text[at] != '{') return false;
  at = SkipSpace(text, at + 1);
  if (at < text.size() && text[at] == '}') return SkipSpace(text, at + 1) == text.size();
  while (at < text.size() && text[at] == '"') {
    const std::size_t key_end = SkipString(text, at);
    if (key_end == kNone) return false;
    const std::string_view key = text.substr(at + 1, key_end - at - 2);
    at = SkipSpace(text, key_end);
    if (at >= text.size() || text[at] != ':') return false;
    at = SkipSpace(text, at + 1);
    const std::size_t value_end = SkipValue(text, at);
    if (value_end == kNone) return false;
    std::string_view value = text.substr(at, value_end - at);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\r')) value.remove_suffix(1);
    visit(key, value);
    at = SkipSpace(text, value_end);
    if (at >= text.size()) return false;
    if (text[at] == '}') return SkipSpace(text, at + 1) == text.size();
    if (text[at] != ',') return false;
    at = SkipSpace(text, at + 1);
  }
  return false;
}

std::uint64_t NumberOf(std::string_view value) {
  std::uint64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number;
}

}  // namespace

QmpFrame ScanQmpFrame(std::string_view line) {
  QmpFrame frame;
  std::string_view time;
  std::string_view data;
  const bool whole = ForEachMember(line, [&](std::string_view key, std::string_view value) {
    if (key == "id") {
      frame.id = Unquote(value);
    } else if (key == "return") {
      frame.kind = QmpFrameKind::kReturn;
      frame.body = value;
    } else if (key == "error") {
      frame.kind = QmpFrameKind::kError;
      frame.body = value;
    } else if (key == "QMP") {
      frame.kind = QmpFrameKind::kGreeting;
      frame.body = value;
    } else if (key == "event") {
      frame.kind = QmpFrameKind::kEvent;
      frame.event = Unquote(value);
    } else if (key == "timestamp") {
      time = value;
    } else if (key == "data") {
      data = value;
    }
  });
  if (!whole) return QmpFrame{};
  if (frame.kind == QmpFrameKind::kEvent) {
    frame.body = data;
    frame.event_us = NumberOf(FindMember(time, "seconds")) * 1'000'000 +
                     NumberOf(FindMember(time, "microseconds"));
  }
  return frame;
}

std::string_view FindMember(std::string_view object, std::string_view key) {
  std::string_view found;
  const bool whole = ForEachMember(object, [&](std::string_view name, std::string_view value) {
    if (name == key) found = value;
  });
  return whole ? found : std::string_view();
}

std::string_view Unquote(std::string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return {};
  return value.substr(1, value.size() - 2);
}

}  // namespace stillframe
