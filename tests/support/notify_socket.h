// Stands in for the service manager: the socket that NOTIFY_SOCKET names, of this process and of
// those that it starts.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/unique_fd.h"
#include "support/temp_directory.h"

namespace stillframe {

class NotifySocket {
 public:
  NotifySocket() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory_.path() + "/notify";
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    socket_.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~NotifySocket() { unsetenv("NOTIFY_SOCKET"); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  // The next message; empty: there is none.
  std::string Take() const {
    std::array<char, 4096> buffer;
    const ssize_t length = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    return length < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(length));
  }

 private:
  TempDirectory directory_;
  UniqueFd socket_;
};

}  // namespace stillframe
