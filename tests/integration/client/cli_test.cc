#include <gmock/gmock.h>
#include <signal.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli_process.h"
#include "introspect/torn_pages.h"
#include "support/eventually.h"

namespace stillframe::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

Json Document(const CliResult& result) {
  EXPECT_EQ(result.exit_code, 0) << result.err;
  Json json = Json::parse(result.out, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << result.out;
  return json;
}

TEST_F(CliTest, GuestsListsAllPages) {
  const CliResult result = Run({"guests"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("NAME"));
  EXPECT_THAT(result.out, HasSubstr("web1"));
  EXPECT_THAT(result.out, HasSubstr("idle"));
  const Json json = Document(Run({"guests", "--json"}));
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["state"], "running");
  EXPECT_EQ(json[0]["latest_generation"], 2);
}

TEST_F(CliTest, GuestAndSnapshotsByNameOrUuid) {
  EXPECT_THAT(Run({"guest", "web1"}).out, HasSubstr("11111111-2222"));
  EXPECT_EQ(Document(Run({"guest", "11111111-2222-4333-8444-555555555555", "--json"}))["name"],
            "web1");
  EXPECT_THAT(Run({"snapshots", "web1"}).out, HasSubstr("1.5 ms"));
  EXPECT_EQ(Document(Run({"--json", "snapshots", "web1"})).size(), 2u);
}

TEST_F(CliTest, SnapshotTakesOneNow) {
  EXPECT_EQ(Document(Run({"snapshot", "web1", "--json"}))["generation"], 3);
}

// SIGINT is left to the thread that waits for it: from then on it means "withdraw".
bool HandlesInterrupts(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind("SigBlk:", 0) == 0) {
      return (std::stoull(line.substr(7), nullptr, 16) >> (SIGINT - 1) & 1) != 0;
    }
  }
  return false;
}

TEST_F(CliTest, InterruptingACaptureWithdrawsIt) {
  world_.HoldCaptures();
  const pid_t pid = Start({"snapshot", "web1"});
  ASSERT_TRUE(Eventually([pid] { return HandlesInterrupts(pid); }));
  kill(pid, SIGINT);
  const CliResult result = Wait(pid);
  EXPECT_EQ(result.exit_code, 130);
  EXPECT_EQ(result.err, "stillframe: interrupted\n");
}

TEST_F(CliTest, ShowHasRegistersAndMemoryMap) {
  const CliResult result = Run({"show", "web1@1"});
  EXPECT_THAT(result.out, HasSubstr("rip     ffffffff81234567"));
  EXPECT_THAT(result.out, HasSubstr("ram"));
  EXPECT_EQ(Document(Run({"show", "web1", "--json"}))["vcpus"][0]["rip"], "0xffffffff81234567");
}

TEST_F(CliTest, ShowSaysWhatPageTablesName) {
  EXPECT_THAT(Run({"show", "web1"}).out, HasSubstr("page tables name  guest frames"));
  world_.SetMachineFrames("web1", std::vector<std::uint64_t>(8, 1));
  world_.Publish("web1", FakeImage(8));
  EXPECT_THAT(Run({"show", "web1@3"}).out, HasSubstr("page tables name  machine frames"));
  EXPECT_EQ(Document(Run({"show", "web1", "--json"}))["frame_space"], "machine");
}

TEST_F(CliTest, ReadGivesRawBytesToFilesAndPipes) {
  const CliResult result = Run({"read", "web1@1", "0xfff", "3"});
  EXPECT_EQ(result.out, "abb");
  ASSERT_EQ(Run({"read", "web1", "0x1000", "8K", "-o", Path("out")}).exit_code, 0);
  EXPECT_EQ(Contents("out"), std::string(4096, 'B') + std::string(4096, '\0'));
  EXPECT_EQ(Run({"read", "web1", "0", "1", "-o", Path("out")}).exit_code, 1);
  EXPECT_THAT(Run({"read", "--hex", "web1@1", "0", "4"}).out, HasSubstr("|aaaa|"));
  EXPECT_EQ(Document(Run({"read", "--json", "web1@1", "0xfff", "2"}))["data_hex"], "6162");
}

TEST_F(CliTest, ReadOfAbsentPagesFailsUnlessFilled) {
  const CliResult result = Run({"read", "web1@1", "0x2000", "12K"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("0x3000"));
  EXPECT_THAT(result.err, HasSubstr("hole"));
  EXPECT_THAT(result.err, HasSubstr("--fill"));
  EXPECT_EQ(Run({"read", "--fill-byte", "0x2e", "web1@1", "0x2ffe", "6"}).out,
            std::string("\0\0....", 6));
}

TEST_F(CliTest, DumpRawIsSparseAndStreamsTheSame) {
  const CliResult result = Run({"dump", "web1@1", "-o", Path("raw")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("not in it: 4 KiB hole, 4 KiB ballooned, 4 KiB mmio"));
  const std::string expected = std::string(4096, 'a') + std::string(4096, 'b') +
                               std::string(4 * 4096, '\0') + std::string(4096, 'c') +
                               std::string(4096, 'd');
  EXPECT_EQ(Contents("raw"), expected);
  EXPECT_EQ(Run({"dump", "web1@1", "-o", "-"}).out, expected);
  EXPECT_EQ(Run({"dump", "web1@1", "-o", Path("raw")}).exit_code, 1);
  const Json json =
      Document(Run({"dump", "web1", "-o", Path("raw"), "--force", "--json", "--format", "lime"}));
  EXPECT_EQ(json["format"], "lime");
  EXPECT_EQ(json["pages"]["mmio"], 1);
  EXPECT_EQ(std::filesystem::file_size(Path("raw")), json["file_bytes"]);
}

TEST_F(CliTest, DumpElfStreamsAsItIsWritten) {
  ASSERT_EQ(Run({"dump", "web1", "-o", Path("core"), "--format", "elf"}).exit_code, 0);
  EXPECT_THAT(Contents("core"), StartsWith("\177ELF"));
  EXPECT_EQ(Run({"dump", "web1", "-o", "-", "--format", "elf"}).out, Contents("core"));
}

TEST_F(CliTest, DiffShowsExtentsAndFirstBytes) {
  const CliResult result = Run({"diff", "web1", "1", "2", "--bytes"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("2 pages (8 KiB) in 2 extents"));
  EXPECT_THAT(result.out, HasSubstr("1: 62 62"));
  EXPECT_THAT(result.out, HasSubstr("2: 42 42"));
  const Json json = Document(Run({"diff", "web1", "1", "latest", "--json", "--coalesce", "100"}));
  EXPECT_EQ(json["extents"], Json::parse(R"([{"first_gfn": 1, "page_count": 7}])"));
}

TEST_F(CliTest, WatchReplaysFromAGenerationAndFollows) {
  const CliResult result = Run({"watch", "web1", "--from", "1", "--count", "2", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::size_t end = result.out.find('\n');
  EXPECT_EQ(Json::parse(result.out.substr(0, end))["published"]["generation"], 1);
  EXPECT_EQ(Json::parse(result.out.substr(end))["published"]["generation"], 2);
  EXPECT_THAT(Run({"watch", "web1", "--from", "2", "--count", "1"}).out, HasSubstr("published 2"));
}

TEST_F(CliTest, WatchEndsOnInterrupt) {
  const pid_t pid = Start({"watch", "web1", "--from", "1"});
  EXPECT_TRUE(
      Eventually([this] { return Contents("stdout").find("published 2") != std::string::npos; }));
  kill(pid, SIGINT);
  EXPECT_EQ(Wait(pid).exit_code, 130);
}

// The torn-page workload's image: pages [0, next) have `pass`, the others `rest`.
FakeImage Stamped(std::uint64_t pass, std::uint64_t next, std::uint64_t rest) {
  FakeImage image(16, PageOf('.'));
  for (std::uint64_t i = 0; i < image.size(); ++i) {
    std::string& bytes = image[i].bytes;
    const std::uint64_t sequence = i < next ? pass : rest;
    std::memcpy(bytes.data(), kTornPageMagic.data(), kTornPageMagic.size());
    std::memcpy(bytes.data() + kTornIndexOffset, &i, sizeof(i));
    std::memcpy(bytes.data() + kTornHeadOffset, &sequence, sizeof(sequence));
    std::memcpy(bytes.data() + kTornTailOffset, &sequence, sizeof(sequence));
  }
  return image;
}

TEST_F(CliTest, VerifyTellsConsistentFromTorn) {
  world_.Publish("idle", Stamped(5, 3, 4));
  EXPECT_THAT(Run({"verify", "idle"}).out, HasSubstr("consistent"));
  world_.Publish("idle", Stamped(5, 3, 3));
  const CliResult torn = Run({"verify", "idle@2"});
  EXPECT_EQ(torn.exit_code, 6);
  EXPECT_THAT(torn.out, HasSubstr("TORN"));
  const CliResult both = Run({"verify", "idle@1", "--count", "2", "--json"});
  EXPECT_EQ(both.exit_code, 6);
  const Json json = Json::parse(both.out);
  EXPECT_EQ(json["torn"], 1);
  EXPECT_EQ(json["generations"].size(), 2u);
  EXPECT_EQ(Run({"verify", "web1"}).exit_code, 1);
}

TEST_F(CliTest, PinsGoWithTheProcess) {
  ASSERT_EQ(Run({"read", "web1", "0", "1"}).exit_code, 0);
  EXPECT_GE(world_.pins_made(), 1u);
  EXPECT_TRUE(Eventually([this] { return world_.pins() == 0; }));
}

}  // namespace
}  // namespace stillframe::testing
