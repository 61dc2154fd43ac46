#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <fstream>

#include "integration/local/local_fixture.h"
#include "local/socket_address.h"

namespace stillframe {
namespace {

using testing::HasSubstr;
using SocketTest = LocalFixture;

TEST_F(SocketTest, AMissingSocketIsNamed) {
  const absl::Status status = LocalClient::Connect(options_.socket_path).status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(MessageOf(status), HasSubstr(options_.socket_path));
  EXPECT_THAT(MessageOf(status), HasSubstr("is stillframed running"));
  EXPECT_EQ(ReasonOf(status).name, "DAEMON_UNAVAILABLE");
}

TEST_F(SocketTest, ADeadSocketIsUnavailableAndReplacedByTheNextServer) {
  const sockaddr_un address = *UnixAddress(options_.socket_path);
  {
    const UniqueFd dead(socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_TRUE(absl::IsUnavailable(LocalClient::Connect(options_.socket_path).status()));
  StartServer();
  EXPECT_TRUE(Connect()->ListGuests().ok());
}

TEST_F(SocketTest, ALiveSocketOrAnotherFileIsNotReplaced) {
  StartServer();
  EXPECT_TRUE(absl::IsAlreadyExists(LocalServer::Listen(options_, *guests_, clock_).status()));
  LocalServerOptions file = options_;
  file.socket_path = directory_path_ + "/file";
  std::ofstream(file.socket_path) << "precious";
  EXPECT_TRUE(absl::IsAlreadyExists(LocalServer::Listen(file, *guests_, clock_).status()));
  EXPECT_TRUE(std::filesystem::exists(file.socket_path));
}

TEST_F(SocketTest, ModeIsAsConfiguredAndTheFileGoesWithTheServer) {
  options_.socket_mode = 0600;
  StartServer();
  struct stat info;
  ASSERT_EQ(stat(options_.socket_path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  StopServer();
  EXPECT_FALSE(std::filesystem::exists(options_.socket_path));
}

TEST_F(SocketTest, WhoMayConnectIsSaidToWhoMayNot) {
  options_.socket_mode = 0;
  StartServer();
  if (geteuid() == 0) {
    // Root passes every mode: only another user sees the refusal.
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      chmod(directory_path_.c_str(), 0755);
      if (setuid(65534) != 0) _exit(2);
      const absl::Status status = ConnectUnixSocket(options_.socket_path).status();
      const bool right = absl::IsPermissionDenied(status) &&
                         MessageOf(status).find("may connect") != std::string::npos;
      _exit(right ? 0 : 1);
    }
    int outcome = -1;
    ASSERT_EQ(waitpid(child, &outcome, 0), child);
    EXPECT_EQ(outcome, 0);
    return;
  }
  const absl::Status status = LocalClient::Connect(options_.socket_path).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(MessageOf(status), HasSubstr("may connect"));
}

TEST_F(SocketTest, AnUnknownGroupAndALongPathAreRefusedByName) {
  FakeGuestDirectory guests(clock_, {});
  options_.socket_group = "no-such-group-here";
  const absl::Status group = LocalServer::Listen(options_, guests, clock_).status();
  EXPECT_THAT(MessageOf(group), HasSubstr("no-such-group-here"));
  EXPECT_FALSE(std::filesystem::exists(options_.socket_path));
  options_.socket_group.clear();
  options_.socket_path = "/tmp/" + std::string(200, 'x');
  EXPECT_TRUE(absl::IsInvalidArgument(LocalServer::Listen(options_, guests, clock_).status()));
}

TEST_F(SocketTest, ConnectionsAreBounded) {
  options_.connections_max = 2;
  StartServer();
  const auto first = Connect();
  const auto second = Connect();
  const absl::Status third = LocalClient::Connect(options_.socket_path).status();
  EXPECT_TRUE(absl::IsUnavailable(third));
  EXPECT_THAT(MessageOf(third), HasSubstr("as many as it may"));
  EXPECT_TRUE(first->ListGuests().ok());
}

}  // namespace
}  // namespace stillframe
