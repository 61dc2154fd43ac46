#include "config/stillframed_config.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/status.h"
#include "config/toml_reader.h"

namespace stillframe {
namespace {

std::string DaemonErrorOf(std::string_view text) {
  const auto config = ParseStillframedConfig(text, "stillframed.toml");
  return config.ok() ? "accepted" : MessageOf(config.status());
}

TEST(StillframedConfigTest, EmptyFileGivesTheDefaults) {
  const auto config = ParseStillframedConfig("", "stillframed.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->daemon.socket, "/run/stillframe/stillframed.sock");
  EXPECT_EQ(config->daemon.socket_mode, 0660u);
  EXPECT_EQ(config->daemon.pin_ttl_ms_max, 600'000u);
  EXPECT_EQ(config->backends.sim_directory, "");
  EXPECT_EQ(config->backends.xen, XenUse::kAuto);
  EXPECT_TRUE(config->guests.defaults.capture);
  EXPECT_EQ(config->guests.defaults.policy.period_ms, 1000u);
  EXPECT_TRUE(config->guests.rules.empty());
}

TEST(StillframedConfigTest, ReadsEveryKindOfValue) {
  const auto config = ParseStillframedConfig(R"(
[daemon]
socket = "/tmp/s.sock"
socket_mode = "0600"
socket_group = ""
log_level = "debug"
arena_bytes_max = 1_073_741_824
pin_age_ms_max = 5000
[backends]
qemu_qmp_globs = []
xen = "never"
sim_directory = "/tmp/sim"
[defaults]
capture = false
period_ms = 0
)",
                                             "stillframed.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->daemon.socket, "/tmp/s.sock");
  EXPECT_EQ(config->daemon.socket_mode, 0600u);
  EXPECT_EQ(config->daemon.socket_group, "");
  EXPECT_EQ(config->daemon.log_level, LogLevel::kDebug);
  EXPECT_EQ(config->daemon.arena_bytes_max, std::uint64_t{1} << 30);
  EXPECT_TRUE(config->backends.qemu_qmp_globs.empty());
  EXPECT_EQ(config->backends.sim_directory, "/tmp/sim");
  EXPECT_EQ(config->backends.xen, XenUse::kNever);
  EXPECT_FALSE(config->guests.defaults.capture);
  EXPECT_EQ(config->guests.defaults.policy.period_ms, 0u);
  EXPECT_EQ(config->guests.defaults.policy.pin_age_ms_max, 5000u);
}

TEST(StillframedConfigTest, GuestRulesStartFromDefaultsThatStandLaterInTheFile) {
  const auto config = ParseStillframedConfig(R"(
[[guest]]
match = "web*"
generations_max = 4
[defaults]
period_ms = 250
)",
                                             "stillframed.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->guests.rules.size(), 1u);
  EXPECT_EQ(config->guests.rules[0].config.policy.period_ms, 250u);
  EXPECT_EQ(config->guests.rules[0].config.policy.generations_max, 4u);
  EXPECT_EQ(config->guests.defaults.policy.generations_max, 16u);
}

struct BadFile {
  std::string_view text;
  std::string_view error;
};

class StillframedConfigErrorTest : public testing::TestWithParam<BadFile> {};

TEST_P(StillframedConfigErrorTest, IsOneLineWithFileLineKeyAndCause) {
  EXPECT_EQ(DaemonErrorOf(GetParam().text), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Files, StillframedConfigErrorTest,
    testing::Values(
        BadFile{"\n[defaults]\nperiod_ms = 5\n",
                "stillframed.toml:3: defaults.period_ms: 5 is out of range "
                "(10..86400000 ms, or 0: only on demand)"},
        BadFile{
            "[[guest]]\nmatch = \"a\"\npause_deadline_ms = 9\n",
            "stillframed.toml:3: guest.pause_deadline_ms: 9 is out of range (10..60000 ms, or 0: "
            "500 ms and as much for each GiB of the guest)"},
        BadFile{"[defaults]\ngenerations_max = -1\n",
                "stillframed.toml:2: defaults.generations_max: -1 is out of range "
                "(1..4096 generations)"},
        BadFile{"[daemon]\nsokcet = \"/x\"\n",
                "stillframed.toml:2: daemon.sokcet: unknown key; did you mean socket?"},
        BadFile{"[backends]\nxyzzy = 1\n",
                "stillframed.toml:2: backends.xyzzy: unknown key; known here: qemu_qmp_globs, "
                "qemu_msrs, xen, sim_directory"},
        BadFile{"[deamon]\n", "stillframed.toml:1: deamon: unknown section; did you mean daemon?"},
        BadFile{"[daemon]\nconnections_max = \"64\"\n",
                "stillframed.toml:2: daemon.connections_max: expected a whole number, found "
                "\"64\""},
        BadFile{"[defaults]\ncapture = 1\n",
                "stillframed.toml:2: defaults.capture: expected true or false, found 1"},
        BadFile{"[defaults]\nperiod_ms = 1.5\n",
                "stillframed.toml:2: defaults.period_ms: expected a whole number, found a number "
                "with a fraction"},
        BadFile{"[daemon]\nsocket_mode = 660\n",
                "stillframed.toml:2: daemon.socket_mode: expected an octal mode in quotes, such "
                "as \"0660\", found 660"},
        BadFile{"[daemon]\nsocket_mode = \"0888\"\n",
                "stillframed.toml:2: daemon.socket_mode: \"0888\" is out of range (octal text, "
                "\"0000\"..\"0777\")"},
        BadFile{"[daemon]\nsocket = \"run/x\"\n",
                "stillframed.toml:2: daemon.socket: \"run/x\" is not accepted (absolute path of at "
                "most 107 bytes)"},
        BadFile{"[daemon]\nlog_level = \"loud\"\n",
                "stillframed.toml:2: daemon.log_level: \"loud\" is out of range (one of trace, "
                "debug, info, warn, error)"},
        BadFile{"[backends]\nqemu_qmp_globs = [\"/a\", \"b\"]\n",
                "stillframed.toml:2: backends.qemu_qmp_globs: \"b\" is not an absolute path"},
        BadFile{"[backends]\nqemu_qmp_globs = [1]\n",
                "stillframed.toml:2: backends.qemu_qmp_globs: expected a list of text, "
                "[\"...\"], found a list with entries that are not text"},
        BadFile{"[[guest]]\nperiod_ms = 10\n",
                "stillframed.toml:1: guest.match: missing; say which guests this is for: a name, "
                "a glob or a UUID"},
        BadFile{"[guest]\nmatch = \"a\"\n", "stillframed.toml:1: guest: write it as [[guest]]"},
        BadFile{"daemon = 3\n", "stillframed.toml:1: daemon: write it as [daemon]"},
        BadFile{"[daemon]\n\"a\\nb\" = 1\n",
                "stillframed.toml:2: daemon.a\\x0ab: unknown key; known here: socket, "
                "socket_mode, socket_group, ledger, log_level, arena_bytes_max, "
                "captures_parallel_max, discovery_period_ms, connections_max, "
                "pins_per_connection_max, pin_ttl_ms_max, pin_age_ms_max, "
                "arena_lock, arena_wipe"}));

TEST(StillframedConfigTest, ReportsTheFirstProblemByLine) {
  EXPECT_EQ(DaemonErrorOf("[defaults]\nperiod_ms = 1\n[daemon]\nconnections_max = 0\n"),
            "stillframed.toml:2: defaults.period_ms: 1 is out of range (10..86400000 ms, or 0: "
            "only on demand)");
}

TEST(StillframedConfigTest, SaysTheLineWhereTheTextStopsBeingToml) {
  const std::string error = DaemonErrorOf("[daemon]\nsocket = \n");
  EXPECT_TRUE(error.starts_with("stillframed.toml:2: not TOML: ")) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos);
}

TEST(StillframedConfigTest, EmptyListOfRulesIsNoRules) {
  const auto config = ParseStillframedConfig("guest = []\n", "stillframed.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->guests.rules.empty());
}

TEST(StillframedConfigTest, RefusesFilesAndRulesWithoutBound) {
  EXPECT_NE(DaemonErrorOf(std::string(kConfigBytesMax + 1, '#')), "accepted");
  std::string rules;
  for (int i = 0; i < 5000; ++i) rules += "[[guest]]\nmatch = \"a\"\n";
  EXPECT_EQ(DaemonErrorOf(rules),
            "stillframed.toml:1: guest: 5000 entries; at most 4096 are allowed");
  EXPECT_NE(DaemonErrorOf("a = " + std::string(100'000, '[')), "accepted");
}

class ConfigFileTest : public testing::Test {
 protected:
  ConfigFileTest() {
    std::string pattern = testing::TempDir() + "config_test.XXXXXX";
    if (mkdtemp(pattern.data()) != nullptr) directory_ = pattern;
  }
  ~ConfigFileTest() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
};

TEST_F(ConfigFileTest, LoadNamesThePathInErrors) {
  const std::string path = directory_ + "/bad.toml";
  std::ofstream(path) << "[daemon]\nconnections_max = 0\n";
  EXPECT_EQ(MessageOf(LoadStillframedConfig(path).status()),
            path + ":2: daemon.connections_max: 0 is out of range (1..4096 connections)");
}

TEST_F(ConfigFileTest, LoadSaysWhichFileIsMissing) {
  const std::string path = directory_ + "/none.toml";
  const absl::Status status = LoadStillframedConfig(path).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(MessageOf(status), "read configuration " + path + ": No such file or directory");
}

TEST_F(ConfigFileTest, LoadRefusesWhatIsNotARegularFile) {
  EXPECT_EQ(MessageOf(LoadStillframedConfig(directory_).status()),
            "read configuration " + directory_ + ": not a regular file");
}

}  // namespace
}  // namespace stillframe
