#include "guest/qemu/device_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "guest/qemu/query.h"
#include "guest/qemu/registers.h"
#include "nlohmann/json.hpp"

namespace stillframe {
namespace {

using nlohmann::json;

constexpr char kSectionFull = 0x04;  // QEMU_VM_SECTION_FULL
constexpr char kDescription = 0x06;  // QEMU_VM_VMDESCRIPTION
constexpr std::size_t kFieldsMax = 100'000;

struct Field {
  std::string_view name;
  std::optional<std::uint64_t> VcpuState::*member;
};
constexpr std::array kFields = {
    Field{"env.efer", &VcpuState::efer},
    Field{"env.kernelgsbase", &VcpuState::kernel_gs_base},
    Field{"env.star", &VcpuState::star},
    Field{"env.lstar", &VcpuState::lstar},
    Field{"env.cstar", &VcpuState::cstar},
    Field{"env.fmask", &VcpuState::sf_mask},
    Field{"env.sysenter_cs", &VcpuState::sysenter_cs},
    Field{"env.sysenter_esp", &VcpuState::sysenter_esp},
    Field{"env.sysenter_eip", &VcpuState::sysenter_eip},
};

std::uint64_t BigEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::string BigEndian32(std::uint64_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::optional<std::uint64_t> NumberOf(const json& object, const char* key) {
  if (!object.is_object()) return std::nullopt;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

// The stream ends with: 0x06, length (32 bits, big endian), that much JSON.
std::optional<json> Description(std::string_view stream) {
  constexpr std::size_t kHeader = 5;
  std::size_t at = stream.rfind(kDescription);
  for (; at != std::string_view::npos && at > 0; at = stream.rfind(kDescription, at - 1)) {
    if (stream.size() - at < kHeader + 2) continue;
    if (BigEndian(stream.substr(at + 1, 4)) != stream.size() - at - kHeader) continue;
    json description =
        json::parse(stream.substr(at + kHeader), nullptr, /*allow_exceptions=*/false);
    if (description.is_object()) return description;
  }
  return std::nullopt;
}

// Where the payload of device section "cpu" `instance` starts.
std::optional<std::size_t> FindPayload(std::string_view stream, std::uint64_t instance,
                                       std::uint64_t version) {
  // 0x04, section id (32), name's length (8), name, instance (32), version (32).
  const std::string key = std::string(
                              "\x03"
                              "cpu") +
                          BigEndian32(instance) + BigEndian32(version);
  std::optional<std::size_t> found;
  for (std::size_t at = stream.find(key); at != std::string_view::npos;
       at = stream.find(key, at + 1)) {
    if (at < 5 || stream[at - 5] != kSectionFull) continue;
    if (found) return std::nullopt;
    found = at + key.size();
  }
  return found;
}

// Walks the fields in stream order and stores those that are wanted.
bool ReadFields(const json& fields, std::string_view payload, VcpuState& vcpu) {
  if (!fields.is_array() || fields.size() > kFieldsMax) return false;
  std::size_t at = 0;
  for (const json& field : fields) {
    const std::uint64_t size = NumberOf(field, "size").value_or(0);
    const std::uint64_t count = NumberOf(field, "array_len").value_or(1);
    if (size > payload.size() || count > payload.size() ||
        (size != 0 && count > (payload.size() - at) / size)) {
      return false;
    }
    const std::string_view name = TextOf(field, "name");
    for (const Field& wanted : kFields) {
      if (name != wanted.name) continue;
      if (count != 1 || size == 0 || size > sizeof(std::uint64_t)) return false;
      vcpu.*wanted.member = BigEndian(payload.substr(at, size));
    }
    at += size * count;
  }
  return true;
}

}  // namespace

absl::Status MergeDeviceState(std::span<const std::byte> bytes, std::vector<VcpuState>& vcpus) {
  const std::string_view stream(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::optional<json> description = Description(stream);
  const auto devices = description ? description->find("devices") : json::const_iterator();
  if (!description || devices == description->end() || !devices->is_array()) {
    return absl::DataLossError("QEMU's device state does not end with its description");
  }
  std::vector<VcpuState> merged = vcpus;
  std::size_t found = 0;
  for (const json& device : *devices) {
    if (TextOf(device, "name") != "cpu") continue;
    const auto instance = NumberOf(device, "instance_id");
    const auto version = NumberOf(device, "version");
    const auto fields = device.find("fields");
    if (!instance || !version || fields == device.end() || found >= merged.size()) {
      return absl::DataLossError("QEMU's device state describes its vCPUs in an unknown way");
    }
    const std::optional<std::size_t> payload = FindPayload(stream, *instance, *version);
    if (!payload || !ReadFields(*fields, stream.substr(*payload), merged[found])) {
      return absl::DataLossError(
          fmt::format("QEMU's device state of vCPU {} cannot be found for certain", *instance));
    }
    ++found;
  }
  if (found != merged.size()) {
    return absl::DataLossError(
        fmt::format("QEMU's device state has {} vCPUs instead of {}", found, merged.size()));
  }
  vcpus = std::move(merged);
  return absl::OkStatus();
}

}  // namespace stillframe
