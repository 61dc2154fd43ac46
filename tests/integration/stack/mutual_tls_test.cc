// The way of a new user from nothing to a snapshot over the network: certificates by `stillframe
// pki`, a policy, a context, and the commands.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "integration/stack/sim_stack.h"
#include "support/eventually.h"

namespace stillframe {
namespace {

class MutualTlsTest : public SimStackTest {
 protected:
  struct Result {
    int status = 0;
    std::string output;
  };

  // Runs the command with its configuration in the test's directory.
  Result Run(const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {"/usr/bin/env", "XDG_CONFIG_HOME=" + Path("config"),
                                        STILLFRAME_CLI};
    command.insert(command.end(), arguments.begin(), arguments.end());
    auto process = ChildProcess::Start(command, Path(fmt::format("cli{}.log", ++runs_)));
    if (!process.ok()) return {-1, std::string(process.status().message())};
    const int status = (*process)->Wait();
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, (*process)->Log()};
  }

  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }

  void Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
    std::ofstream(Path(name)) << text;
  }

  // A gateway of its own beside the stack's, with TLS; its address.
  std::string StartTlsGateway() {
    Write("gateway.toml",
          fmt::format("[gateway]\ndaemon_socket = \"{0}/stillframed.sock\"\n"
                      "listen = [\"127.0.0.1:0\"]\npolicy = \"{1}/policy.toml\"\n"
                      "[tls]\ncertificate = \"{1}/pki/gateway.pem\"\n"
                      "key = \"{1}/pki/gateway-key.pem\"\nclient_ca = \"{1}/pki/ca.pem\"\n"
                      "crl = \"{1}/pki/crl.pem\"\n[audit]\nfile = \"{1}/audit.jsonl\"\n",
                      stack_->directory(), directory_.path()));
    auto gateway = ChildProcess::Start(
        {STILLFRAME_GATEWAY, "--config", Path("gateway.toml"), "--allow-privileges"},
        Path("gateway.log"));
    EXPECT_TRUE(gateway.ok()) << gateway.status();
    if (!gateway.ok()) return "";
    gateway_ = *std::move(gateway);
    std::smatch found;
    std::string log;
    EXPECT_TRUE(Eventually([&] {
      log = gateway_->Log();
      return std::regex_search(log, found, std::regex("listening on (\\S+)"));
    })) << log;
    return found.empty() ? "" : found[1].str();
  }

  TempDirectory directory_;
  std::unique_ptr<ChildProcess> gateway_;
  int runs_ = 0;
};

TEST_F(MutualTlsTest, FromNothingToASnapshotOverTheNetworkAndBack) {
  const auto guest = StartGuest("web1", {"--ram-mib", "16"});
  ASSERT_NE(guest, nullptr);
  StartStack("period_ms = 0\n");

  const Result made = Run({"pki", Path("pki"), "--gateway", "127.0.0.1", "--client",
                           "spiffe://example.org/monitor/m1", "--client", "stranger.example.org"});
  ASSERT_EQ(made.status, 0) << made.output;
  EXPECT_NE(made.output.find("principals = [\"spiffe://example.org/monitor/m1\"]"),
            std::string::npos)
      << made.output;
  Write("policy.toml",
        "[[grant]]\nprincipals = [\"spiffe://example.org/monitor/*\"]\nguests = [\"web*\"]\n"
        "rights = [\"read\", \"capture\"]\n");
  const std::string address = StartTlsGateway();
  Write("config/stillframe/config.toml",
        fmt::format("[client]\ncontext = \"m1\"\n"
                    "[[context]]\nname = \"m1\"\ntarget = \"{0}\"\ncacert = \"{1}/ca.pem\"\n"
                    "cert = \"{1}/m1.pem\"\nkey = \"{1}/m1-key.pem\"\n"
                    "[[context]]\nname = \"stranger\"\ntarget = \"{0}\"\ncacert = \"{1}/ca.pem\"\n"
                    "cert = \"{1}/stranger.example.org.pem\"\n"
                    "key = \"{1}/stranger.example.org-key.pem\"\n",
                    address, Path("pki")));

  Result who;
  ASSERT_TRUE(Eventually([&] {
    who = Run({"whoami"});
    return who.status == 0;
  })) << who.output;
  EXPECT_NE(who.output.find("spiffe://example.org/monitor/m1"), std::string::npos) << who.output;
  EXPECT_NE(who.output.find("list, read, capture on web*"), std::string::npos) << who.output;
  Result snapshot;
  ASSERT_TRUE(Eventually([&] {
    snapshot = Run({"snapshot", "web1", "--json"});
    return snapshot.status == 0;
  })) << snapshot.output;
  EXPECT_EQ(nlohmann::json::parse(snapshot.output)["generation"], 1);
  const Result dumped = Run({"dump", "web1", "-o", Path("web1.raw")});
  EXPECT_EQ(dumped.status, 0) << dumped.output;
  EXPECT_EQ(std::filesystem::file_size(Path("web1.raw")), 16u << 20);

  const Result stranger = Run({"guests", "--context", "stranger"});
  EXPECT_EQ(stranger.status, 5) << stranger.output;  // permission denied
  const Result unknown = Run({"guests", "--context", "nosuch"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_NE(unknown.output.find("there are: m1, stranger"), std::string::npos) << unknown.output;

  ASSERT_EQ(Run({"pki", Path("pki"), "--revoke", "m1"}).status, 0);
  // Its files are gone with it; a thief would have kept them.
  const Result again = Run({"pki", Path("pki"), "--client", "spiffe://example.org/monitor/m1"});
  ASSERT_EQ(again.status, 0) << again.output;
  EXPECT_TRUE(Eventually([&] {
    return gateway_->Log().find("certificates (a file changed): in force") != std::string::npos;
  })) << gateway_->Log();
  EXPECT_EQ(Run({"guests"}).status, 0);

  std::ifstream audit(Path("audit.jsonl"));
  std::size_t captures = 0;
  for (std::string line; std::getline(audit, line);) {
    const auto record = nlohmann::json::parse(line);
    if (record["method"] == "SnapshotService/CaptureSnapshot" && record["code"] == "OK") ++captures;
  }
  EXPECT_EQ(captures, 1u);
}

}  // namespace
}  // namespace stillframe
