// The program itself, and what every gRPC server is expected to offer.
#include <fcntl.h>
#include <grpcpp/generic/generic_stub.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "base/unique_fd.h"
#include "integration/gateway/gateway_fixture.h"

namespace stillframe {
namespace {

// Messages of services that Debian has no headers for, as raw bytes.
grpc::ByteBuffer Raw(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string Text(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!buffer.Dump(&slices).ok()) return text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

class GatewayServerTest : public GatewayFixture {
 protected:
  // One request and one response of any method, streaming or not.
  std::string Call(const std::string& method, const std::string& request) {
    grpc::GenericStub stub(channel_);
    grpc::CompletionQueue queue;
    grpc::ClientContext context;
    grpc::ByteBuffer response;
    grpc::Status status;
    void* tag = nullptr;
    bool ok = false;
    const auto stream = stub.PrepareCall(&context, method, &queue);
    stream->StartCall(nullptr);
    queue.Next(&tag, &ok);
    stream->WriteLast(Raw(request), grpc::WriteOptions(), nullptr);
    queue.Next(&tag, &ok);
    stream->Read(&response, nullptr);
    queue.Next(&tag, &ok);
    stream->Finish(&status, nullptr);
    queue.Next(&tag, &ok);
    return Text(response);
  }

  // HealthCheckResponse.status, of the service (empty: the whole server): 1 is SERVING.
  int Health(const std::string& service) {
    const std::string request =
        service.empty() ? "" : "\x0a" + std::string(1, static_cast<char>(service.size())) + service;
    const std::string response = Call("/grpc.health.v1.Health/Check", request);
    return response.size() == 2 ? response[1] : 0;
  }
};

TEST_F(GatewayServerTest, HealthFollowsTheDaemon) {
  StartGateway();
  EXPECT_EQ(Health(""), 2);  // NOT_SERVING
  EXPECT_EQ(Health("stillframe.v1.MemoryService"), 2);
  daemon_ = MakeDaemon();
  EXPECT_TRUE(Eventually([this] { return Health("") == 1; }));
  EXPECT_EQ(Health("stillframe.v1.MemoryService"), 1);
  daemon_->Kill();
  EXPECT_TRUE(Eventually([this] { return Health("") == 2; }));
}

TEST_F(GatewayServerTest, HealthTellsWhetherEveryGuestIsCaptured) {
  StartGateway();
  EXPECT_EQ(Health("stillframe.guests"), 2);  // NOT_SERVING
  daemon_ = MakeDaemon();
  EXPECT_TRUE(Eventually([this] { return Health("stillframe.guests") == 1; }));
  daemon_->ReportFailure(true);
  EXPECT_TRUE(Eventually([this] { return Health("stillframe.guests") == 2; }));
  EXPECT_EQ(Health("stillframe.v1.MemoryService"), 1);  // what there is can be read
  daemon_->ReportFailure(false);
  EXPECT_TRUE(Eventually([this] { return Health("stillframe.guests") == 1; }));
  daemon_->Kill();
  EXPECT_TRUE(Eventually([this] { return Health("stillframe.guests") == 2; }));
}

TEST_F(GatewayServerTest, ReflectionListsTheServices) {
  StartGateway();
  const std::string response = Call(
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", std::string("\x3a\x00", 2));
  for (const char* const service :
       {"stillframe.v1.GuestService", "stillframe.v1.SnapshotService", "stillframe.v1.PinService",
        "stillframe.v1.MemoryService", "stillframe.v1.HostService"}) {
    EXPECT_NE(response.find(service), std::string::npos) << service;
  }
}

TEST_F(GatewayServerTest, ItsSocketHasTheModeAskedFor) {
  options_.socket_mode = 0620;
  StartGateway();
  struct stat status {};
  ASSERT_EQ(stat((directory_ + "/gateway.sock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0620u);
}

TEST_F(GatewayServerTest, ADeadSocketIsReplacedALiveOneIsNot) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = directory_ + "/gateway.sock";
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  {
    const UniqueFd dead(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  StartGateway();
  const auto second = GatewayServer::Start(options_, [] {
    return absl::StatusOr<std::unique_ptr<LocalClient>>(absl::UnavailableError("not here"));
  });
  EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << second.status();
}

// stillframe-gateway as a child; ended with the object.
class Program {
 public:
  explicit Program(std::vector<std::string> arguments) {
    int out[2];
    EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
    output_.reset(out[0]);
    const UniqueFd write_end(out[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, write_end.get(), 1);
    posix_spawn_file_actions_adddup2(&actions, write_end.get(), 2);
    arguments.insert(arguments.begin(), STILLFRAME_GATEWAY_PROGRAM);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    EXPECT_EQ(posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Program() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  // One line of its output, standard error included; empty at the end.
  std::string ReadLine() {
    std::string line;
    char c = 0;
    while (read(output_.get(), &c, 1) == 1 && c != '\n') line.push_back(c);
    return line;
  }

  void Signal(int signal) const { kill(pid_, signal); }

  int WaitForExit() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
  UniqueFd output_;
};

TEST_F(GatewayServerTest, TheProgramRefusesInsecureAddressesInOneLine) {
  for (const char* const address : {"0.0.0.0:0", "192.0.2.1:50051", "[::]:50051"}) {
    Program program({"--listen", address});
    const std::string line = program.ReadLine();
    EXPECT_NE(line.find(address), std::string::npos) << line;
    EXPECT_EQ(program.ReadLine(), "");
    EXPECT_NE(program.WaitForExit(), 0);
  }
}

constexpr char kAnonymousMayList[] =
    "[[grant]]\nprincipals = [\"anonymous\"]\nguests = [\"*\"]\nrights = [\"list\"]\n";

// The rest of the first line of its output that begins so.
std::string LineAfter(Program& program, const std::string& prefix) {
  std::string line;
  do {
    line = program.ReadLine();
  } while (!line.empty() && line.find(prefix) == std::string::npos);
  EXPECT_FALSE(line.empty()) << prefix;
  return line.empty() ? line : line.substr(line.find(prefix) + prefix.size());
}

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path + ".new") << text;
  std::filesystem::rename(path + ".new", path);
}

// The program on a loopback port, with a policy by which anonymous callers may list guests.
class GatewayProgramTest : public GatewayServerTest {
 protected:
  void StartProgram() {
    daemon_ = MakeDaemon();
    WriteFile(policy_, kAnonymousMayList);
    program_.emplace(std::vector<std::string>{"--listen", "127.0.0.1:0", "--daemon-socket",
                                              options_.daemon_socket, "--policy", policy_});
    const std::string address = LineAfter(*program_, "listening on ");
    guests_ =
        v1::GuestService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    AwaitDaemon();
  }

  const std::string policy_ = directory_ + "/policy.toml";
  std::optional<Program> program_;
};

TEST_F(GatewayProgramTest, ServesUntilToldToEnd) {
  StartProgram();
  program_->Signal(SIGHUP);
  program_->Signal(SIGTERM);
  EXPECT_EQ(program_->WaitForExit(), 0);
}

TEST_F(GatewayProgramTest, FollowsItsPolicyFileAndKeepsTheOldOneOverAMistake) {
  StartProgram();
  const auto list = [this] {
    grpc::ClientContext call;
    v1::ListGuestsResponse response;
    return guests_->ListGuests(&call, {}, &response);
  };
  WriteFile(policy_, "[[grant]]\nprincipals = [\"anonymous\"]\n");
  EXPECT_NE(LineAfter(*program_, "policy (the file changed): ").find("the old one stays in force"),
            std::string::npos);
  EXPECT_TRUE(list().ok());
  WriteFile(policy_, "");
  EXPECT_TRUE(
      Eventually([&] { return list().error_code() == grpc::StatusCode::PERMISSION_DENIED; }));
}

TEST_F(GatewayProgramTest, ChecksPolicies) {
  WriteFile(policy_, kAnonymousMayList);
  Program good({"--check-policy", policy_});
  EXPECT_EQ(good.ReadLine(), "the policy is good: 1 grants, 0 quotas");
  EXPECT_EQ(good.WaitForExit(), 0);
  WriteFile(policy_, "[[grant]]\nprincipals = [\"anonymous\"]\n");
  Program bad({"--check-policy", policy_});
  EXPECT_NE(bad.ReadLine().find("grant.guests: missing"), std::string::npos);
  EXPECT_EQ(bad.WaitForExit(), 1);
}

}  // namespace
}  // namespace stillframe
