#include <signal.h>
#include <sys/wait.h>

#include "integration/local/local_fixture.h"

namespace stillframe {
namespace {

using ServerDeathTest = LocalFixture;

TEST_F(ServerDeathTest, AReaderOfAKilledServerStillReadsItsBytes) {
  // Forked before this process has threads.
  const pid_t server = fork();
  ASSERT_GE(server, 0);
  if (server == 0) {
    FakeGuestDirectory guests(clock_, {.generations_max = 2});
    auto listening = LocalServer::Listen(options_, guests, clock_);
    if (!listening.ok()) _exit(1);
    guests.BeginEpoch();
    guests.Publish(std::byte{42});
    (*listening)->Run(5, [] {});
    _exit(0);
  }
  std::unique_ptr<LocalClient> client;
  std::shared_ptr<PinnedSnapshot> pinned;
  const bool pinned_in_time = Eventually([&] {
    auto connected = LocalClient::Connect(options_.socket_path);
    if (!connected.ok()) return false;
    client = *std::move(connected);
    auto pin = client->Pin(Select(), std::chrono::milliseconds(0));
    if (pin.ok()) pinned = *std::move(pin);
    return pin.ok();
  });
  ASSERT_EQ(kill(server, SIGKILL), 0);
  ASSERT_EQ(waitpid(server, nullptr, 0), server);
  ASSERT_TRUE(pinned_in_time);
  ASSERT_TRUE(Eventually([&] { return !client->connected(); }));

  std::vector<std::byte> bytes(4 * kPageBytes);
  const auto read = pinned->Read(0, bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(bytes, std::vector<std::byte>(bytes.size(), std::byte{42}));
  EXPECT_TRUE(pinned->CheckHeld().ok());
  EXPECT_EQ(ReasonOf(client->ListGuests().status()).name, "DAEMON_UNAVAILABLE");
  client.reset();
  EXPECT_TRUE(pinned->CheckHeld().ok());

  StartServer();  // the dead one's socket file is in the way
  EXPECT_TRUE(Connect()->ListGuests().ok());
}

}  // namespace
}  // namespace stillframe
