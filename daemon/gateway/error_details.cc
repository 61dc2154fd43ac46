#include "gateway/error_details.h"

#include <charconv>
#include <cstdint>

#include "base/reason.h"
#include "base/status.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace stillframe {
namespace {

// Peers accept 8 KiB of metadata by default, and the message travels twice.
constexpr std::size_t kMessageBytesMax = 1024;
constexpr std::size_t kMetadataBytesMax = 256;

constexpr std::uint64_t kRetryMsDefault = 200;

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0u) == 0x80u; }

std::string Cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && IsContinuation(text[end])) --end;
  text.resize(end);
  return text;
}

// 0: waiting does not help.
std::uint64_t RetryMsOf(const absl::Status& status, const Reason& reason) {
  const auto told = reason.metadata.find("retry_ms");
  if (told != reason.metadata.end()) {
    std::uint64_t retry_ms = 0;
    const std::string& digits = told->second;
    std::from_chars(digits.data(), digits.data() + digits.size(), retry_ms);
    return retry_ms;
  }
  return absl::IsUnavailable(status) ? kRetryMsDefault : 0;
}

}  // namespace

std::string TrailerMessageOf(const absl::Status& status) {
  return Cut(MessageOf(status), kMessageBytesMax);
}

std::string ErrorDetailsOf(const absl::Status& status) {
  google::rpc::Status message;
  message.set_code(static_cast<int>(status.code()));
  message.set_message(TrailerMessageOf(status));

  const Reason reason = ReasonOf(status);
  if (!reason.name.empty()) {
    google::rpc::ErrorInfo info;
    info.set_reason(reason.name);
    info.set_domain("stillframe");
    for (const auto& [key, value] : reason.metadata) {
      (*info.mutable_metadata())[key] = Cut(value, kMetadataBytesMax);
    }
    message.add_details()->PackFrom(info);
  }
  if (const std::uint64_t retry_ms = RetryMsOf(status, reason); retry_ms != 0) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(static_cast<std::int64_t>(retry_ms / 1000));
    retry.mutable_retry_delay()->set_nanos(static_cast<std::int32_t>(retry_ms % 1000 * 1'000'000));
    message.add_details()->PackFrom(retry);
  }
  return message.SerializeAsString();
}

}  // namespace stillframe
