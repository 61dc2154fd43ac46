#include "config/gateway_config.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status.h"
#include "config/listen_address.h"

namespace stillframe {
namespace {

std::string GatewayErrorOf(std::string_view text) {
  const auto config = ParseGatewayConfig(text, "gateway.toml");
  return config.ok() ? "accepted" : MessageOf(config.status());
}

TEST(GatewayConfigTest, EmptyFileGivesTheDefaults) {
  const auto config = ParseGatewayConfig("", "gateway.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->gateway.listen, std::vector<std::string>{"unix:/run/stillframe/gateway.sock"});
  EXPECT_EQ(config->limits.chunk_bytes_max, std::uint64_t{4} << 20);
}

TEST(GatewayConfigTest, RefusesAddressesThatTheNetworkReachesAndSaysWhatToDo) {
  EXPECT_EQ(GatewayErrorOf("[gateway]\n\nlisten = [\"unix:/run/g.sock\", \"0.0.0.0:50051\"]\n"),
            "gateway.toml:3: gateway.listen: 0.0.0.0:50051 can be reached from the network: give "
            "the gateway certificates ([tls] in gateway.toml), or listen on unix:/PATH, "
            "127.0.0.1:PORT or [::1]:PORT");
  EXPECT_EQ(GatewayErrorOf("[gateway]\nlisten = [\"0.0.0.0:50051\"]\n[tls]\ncertificate = \"/c\"\n"
                           "key = \"/k\"\nclient_ca = \"/a\"\n"),
            "accepted");
}

TEST(GatewayConfigTest, CertificatesComeTogether) {
  EXPECT_EQ(GatewayErrorOf("[tls]\ncertificate = \"/c\"\nkey = \"/k\"\n"),
            "gateway.toml:1: tls.client_ca: missing: certificate, key and client_ca only work "
            "together");
}

TEST(GatewayConfigTest, MetricsAreServedOnLoopbackOrNotAtAll) {
  for (const std::string_view address : {"", "127.0.0.1:9464", "[::1]:9464", "localhost:0"}) {
    EXPECT_EQ(GatewayErrorOf("[metrics]\nlisten = \"" + std::string(address) + "\"\n"), "accepted");
  }
  for (const std::string_view address : {"0.0.0.0:9464", "[::]:9464", "192.168.1.2:9464",
                                         "unix:/run/metrics.sock", "9464", "example.org:9464"}) {
    const std::string error =
        GatewayErrorOf("[metrics]\nlisten = \"" + std::string(address) + "\"\n");
    EXPECT_TRUE(error.starts_with("gateway.toml:2: metrics.listen: ")) << error;
  }
}

TEST(GatewayConfigTest, NeedsAnAddressToListenOn) {
  EXPECT_NE(
      GatewayErrorOf("[gateway]\nlisten = []\n").find("a list of 0 is out of range (1..16 entries"),
      std::string::npos);
}

TEST(GatewayConfigTest, ChecksLimitsAgainstEachOther) {
  EXPECT_EQ(GatewayErrorOf("[limits]\nstreams_max = 4\nstreams_per_client_max = 5\n"),
            "gateway.toml:3: limits.streams_per_client_max: 5 is more than streams_max, 4");
  EXPECT_EQ(GatewayErrorOf("[limits]\nstreams_max = 4\n"),
            "gateway.toml:1: limits.streams_per_client_max: 32 is more than streams_max, 4");
  EXPECT_EQ(GatewayErrorOf("[limits]\npins_max = 8\n"),
            "gateway.toml:1: limits.pins_per_client_max: 64 is more than pins_max, 8");
  EXPECT_EQ(GatewayErrorOf("[limits]\nchunk_bytes_max = 65537\n"),
            "gateway.toml:2: limits.chunk_bytes_max: 65537 is not a multiple of 4096");
  EXPECT_EQ(
      GatewayErrorOf("[limits]\ninflight_bytes_per_stream_max = 65536\nchunk_bytes_max = 131072\n"),
      "gateway.toml:3: limits.chunk_bytes_max: 131072 is more than "
      "inflight_bytes_per_stream_max, 65536");
}

TEST(GatewayConfigTest, RefusesWhatTheTomlParserMustNotSee) {
  const std::string beyond = "not TOML: characters beyond ASCII belong in comments or in quotes";
  EXPECT_EQ(GatewayErrorOf("\n[gateway]\nqn\xef\xbb\xaf = 1\n"), "gateway.toml:3: " + beyond);
  EXPECT_EQ(GatewayErrorOf("[gateway]\ndaemon_socket = \"\"\"a\\\n \xc3\xa9\"\"\"\n"),
            "gateway.toml:3: " + beyond);
  std::string deep = "a";
  for (int part = 0; part < 100'000; ++part) deep += ".a";
  EXPECT_EQ(GatewayErrorOf(deep + " = 1\n"),
            "gateway.toml:1: not TOML: names of more than 64 parts");
  EXPECT_EQ(GatewayErrorOf(
                "\xef\xbb\xbf# caf\xc3\xa9\n[gateway]\ndaemon_socket = \"/run/caf\xc3\xa9\"\n"),
            "accepted");
}

TEST(ListenAddressTest, AcceptsUnixSocketsAndLoopbackAndPrintsThemAsWritten) {
  for (const std::string_view text :
       {"unix:/run/g.sock", "127.0.0.1:50051", "127.1.2.3:0", "[::1]:65535", "localhost:50051"}) {
    const auto address = ParseListenAddress(text);
    ASSERT_TRUE(address.ok()) << text << ": " << address.status();
    EXPECT_EQ(address->ToString(), text);
  }
}

TEST(ListenAddressTest, WhatOthersCouldReachNeedsTls) {
  for (const std::string_view text :
       {"0.0.0.0:1", "[::]:1", "192.168.1.2:50051", "[::ffff:10.0.0.1]:1", "128.0.0.1:1"}) {
    const auto address = ParseListenAddress(text);
    ASSERT_TRUE(address.ok()) << text << ": " << address.status();
    EXPECT_EQ(CheckReach(*address, false).code(), absl::StatusCode::kFailedPrecondition) << text;
    EXPECT_TRUE(CheckReach(*address, true).ok()) << text;
  }
}

TEST(ListenAddressTest, RefusesWhatIsNoAddress) {
  const std::string long_path = "unix:/" + std::string(kSocketPathMax, 'x');
  for (const std::string_view text :
       {std::string_view(""), std::string_view(":1"), std::string_view("50051"),
        std::string_view("127.0.0.1"), std::string_view("127.0.0.1:65536"),
        std::string_view("127.0.0.1:-1"), std::string_view("127.0.0.1:"),
        std::string_view("127.0.0.1:1x"), std::string_view("::1:50051"), std::string_view("unix:"),
        std::string_view("example.org:50051"), std::string_view("localhost.evil.org:1"),
        std::string_view("127.1:50051"), std::string_view("unix:relative"),
        std::string_view("unix-abstract:x"), std::string_view(long_path)}) {
    EXPECT_FALSE(ParseListenAddress(text).ok()) << text;
  }
}

}  // namespace
}  // namespace stillframe
