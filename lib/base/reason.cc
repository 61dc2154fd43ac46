#include "base/reason.h"

namespace stillframe {
namespace {

constexpr char kReasonUrl[] = "stillframe/reason";
constexpr char kMetadataUrlPrefix[] = "stillframe/metadata/";

}  // namespace

absl::Status WithReason(absl::Status status, std::string_view name,
                        const std::map<std::string, std::string>& metadata) {
  status.SetPayload(kReasonUrl, absl::Cord(absl::string_view(name.data(), name.size())));
  for (const auto& [key, value] : metadata) {
    status.SetPayload(kMetadataUrlPrefix + key, absl::Cord(value));
  }
  return status;
}

Reason ReasonOf(const absl::Status& status) {
  Reason reason;
  status.ForEachPayload([&reason](absl::string_view url, const absl::Cord& payload) {
    const std::string key(url);
    const std::string_view prefix = kMetadataUrlPrefix;
    if (key == kReasonUrl) {
      reason.name = std::string(payload);
    } else if (key.starts_with(prefix)) {
      reason.metadata[key.substr(prefix.size())] = std::string(payload);
    }
  });
  return reason;
}

}  // namespace stillframe
