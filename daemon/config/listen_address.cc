#include "config/listen_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "config/problems.h"

namespace stillframe {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

absl::Status NotAnAddress(std::string_view text) {
  return absl::InvalidArgumentError(fmt::format(
      "\"{}\" is not an address: write unix:/PATH, ADDRESS:PORT with a numeric address (such as "
      "127.0.0.1 or [::1]), or localhost:PORT",
      Printable(text)));
}

std::optional<std::uint16_t> ParsePort(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

bool IsNumeric(const std::string& host, bool bracketed) {
  in_addr v4{};
  in6_addr v6{};
  return bracketed ? inet_pton(AF_INET6, host.c_str(), &v6) == 1
                   : inet_pton(AF_INET, host.c_str(), &v4) == 1;
}

absl::StatusOr<ListenAddress> ParseUnix(std::string_view text) {
  const std::string_view path = text.substr(kUnixPrefix.size());
  if (path.empty() || path.front() != '/' || path.size() > kSocketPathMax) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" needs an absolute path of at most {} bytes after \"unix:\"",
                    Printable(text), kSocketPathMax));
  }
  ListenAddress address;
  address.path = path;
  return address;
}

}  // namespace

bool ListenAddress::IsLocal() const {
  if (kind == Kind::kUnix || host == "localhost") return true;
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

std::string ListenAddress::ToString() const {
  if (kind == Kind::kUnix) return fmt::format("unix:{}", path);
  if (host.find(':') != std::string::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) return ParseUnix(text);

  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return NotAnAddress(text);
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos) return NotAnAddress(text);
  const std::optional<std::uint16_t> port = ParsePort(text.substr(colon + 1));
  if (!port.has_value()) return NotAnAddress(text);

  ListenAddress address;
  address.kind = ListenAddress::Kind::kTcp;
  address.host = host;
  address.port = *port;
  // Numeric only: a name could resolve to anything, but for the one that means loopback by
  // definition (RFC 6761).
  if (address.host != "localhost" && !IsNumeric(address.host, bracketed)) return NotAnAddress(text);
  return address;
}

absl::Status CheckListenAddress(std::string_view text) { return ParseListenAddress(text).status(); }

absl::Status CheckReach(const ListenAddress& address, bool has_tls) {
  if (has_tls || address.IsLocal()) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "{} can be reached from the network: give the gateway certificates ([tls] in gateway.toml), "
      "or listen on unix:/PATH, 127.0.0.1:PORT or [::1]:PORT",
      Printable(address.ToString())));
}

absl::StatusOr<ListenAddress> ParseLoopbackAddress(std::string_view text) {
  absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
  if (address.ok() && (address->kind == ListenAddress::Kind::kUnix || !address->IsLocal()))
    return NotAnAddress(text);
  return address;
}

}  // namespace stillframe
