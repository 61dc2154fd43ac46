#include "gateway/audit/audit_record.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/clock.h"

namespace stillframe {
namespace {

std::string Rfc3339(std::uint64_t wall_time_ns) {
  const auto seconds = static_cast<std::time_t>(wall_time_ns / kNsPerS);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(seconds),
                     wall_time_ns % kNsPerS / 1000);
}

}  // namespace

std::string AuditRecord::ToJson() const {
  nlohmann::ordered_json json;
  json["time"] = Rfc3339(wall_time_ns);
  const auto add = [&json](const char* key, const std::string& value) {
    if (!value.empty()) json[key] = value;
  };
  add("principal", principal);
  add("peer", peer);
  add("method", method);
  add("guest", guest_name);
  add("guest_uuid", guest_uuid);
  add("epoch", epoch);
  if (generation != 0) json["generation"] = generation;
  add("ranges", ranges);
  json["bytes"] = bytes;
  json["duration_us"] = duration_us;
  add("code", code);
  add("reason", reason);
  add("message", message);
  // Names and messages may hold any bytes: what is no UTF-8 is replaced.
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string AuditRecord::ToText() const {
  std::string text = fmt::format("{} {}", principal.empty() ? peer : principal, method);
  if (!guest_name.empty()) text += fmt::format(" {}", guest_name);
  if (generation != 0) text += fmt::format("@{}", generation);
  if (bytes != 0) text += fmt::format(" {} bytes", bytes);
  text += fmt::format(" {}", code);
  if (!reason.empty()) text += fmt::format(" {}", reason);
  return text;
}

}  // namespace stillframe
