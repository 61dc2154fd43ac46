// What all queries to QMP have in common.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "nlohmann/json.hpp"

namespace stillframe {

inline constexpr std::chrono::milliseconds kQueryTimeout{1000};

// The text that `reply` has under `key`, as long as `reply` lives; empty where it has none.
inline std::string_view TextOf(const nlohmann::json& reply, const char* key) {
  if (!reply.is_object()) return {};
  const auto found = reply.find(key);
  if (found == reply.end() || !found->is_string()) return {};
  return found->get_ref<const std::string&>();
}

}  // namespace stillframe
