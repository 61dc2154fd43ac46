// One request to a server on the loopback interface, as a scraper makes it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/unique_fd.h"

namespace stillframe {

struct HttpResponse {
  int status = 0;  // 0: none
  std::string headers;
  std::string body;
};

inline UniqueFd DialLoopback(int port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return {};
  const timeval patience{20, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  return socket;
}

// Sends `request` and reads until the other side closes.
inline HttpResponse HttpExchange(int port, const std::string& request) {
  HttpResponse response;
  const UniqueFd socket = DialLoopback(port);
  if (!socket.valid()) return response;
  if (send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return response;
  std::string text;
  std::array<char, 65536> buffer;
  for (ssize_t got; (got = recv(socket.get(), buffer.data(), buffer.size(), 0)) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  const std::size_t end = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.") || end == std::string::npos) return response;
  response.status = std::atoi(text.c_str() + text.find(' '));
  response.headers = text.substr(0, end);
  response.body = text.substr(end + 4);
  return response;
}

inline HttpResponse HttpGet(int port, const std::string& path) {
  return HttpExchange(port,
                      "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
}

}  // namespace stillframe
