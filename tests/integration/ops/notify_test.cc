// What the daemons tell the service manager.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <regex>
#include <string>

#include "base/unique_fd.h"
#include "integration/stack/sim_stack.h"
#include "support/eventually.h"

namespace stillframe {
namespace {

class NotifyTest : public SimStackTest {
 protected:
  NotifyTest() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory_.path() + "/notify";
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    socket_.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~NotifyTest() override { unsetenv("NOTIFY_SOCKET"); }

  // Whether a message that matches came or comes: two daemons talk at once.
  bool Told(const std::string& pattern) {
    const std::regex wanted(pattern, std::regex::ECMAScript | std::regex::multiline);
    return Eventually([&] {
      if (std::regex_search(heard_, wanted)) return true;
      std::array<char, 4096> buffer;
      const ssize_t length = recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (length < 0) return false;
      heard_ += std::string(buffer.data(), static_cast<std::size_t>(length)) + "\n";
      return false;
    });
  }

  TempDirectory directory_;
  UniqueFd socket_;
  std::string heard_;
};

TEST_F(NotifyTest, StatusLinesFollowGuestsAndPauses) {
  StartStack("period_ms = 50");
  const auto guest = StartGuest("web1", {"--ram-mib", "16"});
  ASSERT_NE(guest, nullptr);
  EXPECT_TRUE(Told("^STATUS=1 guests, 1 captured; last pause [0-9]+\\.[0-9] ms, of web1$"))
      << heard_;
  EXPECT_TRUE(Told("^STATUS=connected; 1 guests, 1 captured, 0 failing; 0 streams, 0 pins$"))
      << heard_;
  const auto reader = remote().OpenSnapshot(Select("web1"));
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE(Told("^STATUS=connected; .* 1 streams")) << heard_;
}

}  // namespace
}  // namespace stillframe
