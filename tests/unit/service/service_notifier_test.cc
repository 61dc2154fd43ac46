#include "service/service_notifier.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/unique_fd.h"
#include "support/temp_directory.h"

namespace stillframe {
namespace {

// Stands in for the service manager: the socket that NOTIFY_SOCKET names.
class ServiceNotifierTest : public testing::Test {
 protected:
  ServiceNotifierTest() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory_.path() + "/notify";
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    socket_.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~ServiceNotifierTest() override { unsetenv("NOTIFY_SOCKET"); }

  // The next message; empty: there is none.
  std::string Take() const {
    std::array<char, 4096> buffer;
    const ssize_t length = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    return length < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(length));
  }

  TempDirectory directory_;
  UniqueFd socket_;
};

TEST_F(ServiceNotifierTest, TellsAStatusOnceUntilItChanges) {
  ServiceNotifier notifier;
  notifier.Ready("0 guests");
  EXPECT_EQ(Take(), "READY=1\nSTATUS=0 guests");
  notifier.Status("0 guests");
  EXPECT_EQ(Take(), "");
  notifier.Status("1 guests");
  EXPECT_EQ(Take(), "STATUS=1 guests");
}

TEST_F(ServiceNotifierTest, AGuestsNameCannotSpeakToTheServiceManager) {
  ServiceNotifier notifier;
  notifier.Status("last pause of web1\nSTOPPING=1");
  EXPECT_EQ(Take(), "STATUS=last pause of web1?STOPPING=1");
}

}  // namespace
}  // namespace stillframe
