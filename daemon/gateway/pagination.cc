#include "gateway/pagination.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "gateway/refusal.h"

namespace stillframe {
namespace {

constexpr std::size_t kPageSizeMax = 1000;
constexpr std::size_t kTokenBytesMax = 4096;

}  // namespace

absl::StatusOr<std::size_t> PageSizeOf(std::int32_t requested) {
  if (requested < 0) return RequestInvalid("list: page_size is negative");
  if (requested == 0) return kPageSizeMax;
  return std::min<std::size_t>(static_cast<std::size_t>(requested), kPageSizeMax);
}

std::string MakePageToken(std::string_view first, std::string_view second) {
  std::string text(first);
  text.push_back('\0');
  text.append(second);
  return absl::WebSafeBase64Escape(text);
}

absl::StatusOr<std::pair<std::string, std::string>> ParsePageToken(std::string_view token) {
  std::string text;
  if (token.size() <= kTokenBytesMax &&
      absl::WebSafeBase64Unescape(absl::string_view(token.data(), token.size()), &text)) {
    const std::size_t middle = text.find('\0');
    if (middle != std::string::npos) {
      return std::pair(text.substr(0, middle), text.substr(middle + 1));
    }
  }
  return RequestInvalid("list: page_token is not one that this server gave");
}

}  // namespace stillframe
