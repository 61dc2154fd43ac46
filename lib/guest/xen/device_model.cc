#include "guest/xen/device_model.h"

#include <fmt/format.h>

#include <chrono>

#include "base/status.h"
#include "guest/qmp/qmp_connection.h"
#include "nlohmann/json.hpp"

namespace stillframe {
namespace {

constexpr std::chrono::milliseconds kTimeout{500};

}  // namespace

absl::Status DeviceModel::LogDirty(bool on) {
  const std::string path = fmt::format("/var/run/xen/qmp-libxl-{}", domid_);
  SF_ASSIGN_OR_RETURN(const auto monitor, QmpConnection::Connect(path));
  SF_RETURN_IF_ERROR(monitor->Negotiate(kTimeout));
  return monitor->Execute("xen-set-global-dirty-log", {{"enable", on}}, kTimeout).status();
}

}  // namespace stillframe
