#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "cli_process.h"

namespace stillframe::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// What every error looks like: one line on stderr, nothing on stdout.
void ExpectError(const CliResult& result, int exit_code, const std::string& says) {
  EXPECT_EQ(result.exit_code, exit_code) << result.err;
  EXPECT_THAT(result.err, AllOf(StartsWith("stillframe: "), HasSubstr(says)));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_EQ(result.out, "");
}

TEST_F(CliTest, UnknownGuestSuggestsNames) {
  ExpectError(Run({"guest", "wbe1"}), 3, "did you mean web1?");
  ExpectError(Run({"read", "database", "0", "1"}), 3, "the guests are: web1, idle");
}

TEST_F(CliTest, GenerationsThatAreNotThereSaySo) {
  world_.Evict("web1", 1);
  ExpectError(Run({"show", "web1@1"}), 3, "the oldest still there is 2");
  ExpectError(Run({"show", "web1@9"}), 3, "not taken yet");
  ExpectError(Run({"show", "idle"}), 3, "stillframe snapshot");
}

TEST_F(CliTest, ReadingPastTheEndSaysWhereTheEndIs) {
  ExpectError(Run({"read", "web1", "0x7000", "8K"}), 1, "its memory ends at 0x8000 (32 KiB)");
  ExpectError(Run({"read", "web1", "0xffffffffffffffff", "2"}), 1, "ends at 0x8000");
}

TEST_F(CliTest, WrongUsageExitsWithTwo) {
  ExpectError(Run({"read", "web1", "here", "1"}), 2, "address \"here\"");
  ExpectError(Run({"frobnicate"}), 2, "frobnicate");
  ExpectError(Run({"dump", "web1"}), 2, "--output");
}

TEST_F(CliTest, AnUnreachableTargetIsNamedWithTheWayToChangeIt) {
  gateway_.reset();
  ExpectError(Run({"guests"}), 4, target());
  ExpectError(Run({"guests"}), 4, "STILLFRAME_TARGET");
  ExpectError(Run({"guests", "--target", "127.0.0.1:1"}), 4, "connect to 127.0.0.1:1");
}

TEST_F(CliTest, ASocketThatIsNotForUsNamesItsGroup) {
  // Root may connect to every socket, unless the programs it starts lack that capability.
  if (geteuid() == 0) {
    ASSERT_EQ(prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0), 0);
  }
  ASSERT_EQ(chmod(Path("gateway.sock").c_str(), 0), 0);
  ExpectError(Run({"guests"}), 5, "mode 0000");
}

TEST_F(CliTest, DumpLeavesNothingBehindWhenItFails) {
  ExpectError(Run({"dump", "nobody", "-o", Path("dump")}), 3, "nobody");
  EXPECT_NE(access(Path("dump").c_str(), F_OK), 0);
}

TEST_F(CliTest, HelpAndVersionNeedNoGateway) {
  gateway_.reset();
  EXPECT_EQ(Run({"--help"}).exit_code, 0);
  EXPECT_EQ(Run({"version"}).exit_code, 0);
  EXPECT_THAT(Run({"dump", "--help"}).out, HasSubstr("stillframe dump"));
  EXPECT_THAT(Run({"completion", "zsh"}).out, StartsWith("#compdef"));
}

}  // namespace
}  // namespace stillframe::testing
