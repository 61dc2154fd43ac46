#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "render/hex_dump.h"
#include "render/json.h"
#include "render/progress.h"
#include "render/snapshot_text.h"
#include "render/text.h"

namespace stillframe::cli {
namespace {

using ::testing::HasSubstr;

TEST(RenderTest, UnitsAreHumane) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(4096), "4 KiB");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(std::uint64_t{3} << 30), "3 GiB");
  EXPECT_EQ(FormatDurationNs(870), "870 ns");
  EXPECT_EQ(FormatDurationNs(12'345), "12.3 us");
  EXPECT_EQ(FormatDurationNs(4'000'000), "4 ms");
  EXPECT_EQ(FormatTimeNs(1'700'000'000'250'000'000), "2023-11-14 22:13:20.250 UTC");
}

TEST(RenderTest, NamesCannotCommandATerminal) {
  EXPECT_EQ(Printable("a\033]0;x\007b"), "a?]0;x?b");
  EXPECT_EQ(Printable("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "?31m");
}

TEST(RenderTest, TableColumnsAlignByCharacters) {
  Table table({{"NAME"}, {"N", Table::Align::kRight}});
  table.AddRow({"gr\xc3\xbcn", "7"});
  table.AddRow({"a", "100"});
  EXPECT_EQ(table.ToString(), "NAME    N\ngr\xc3\xbcn    7\na     100\n");
}

TEST(RenderTest, HexDumpSqueezesEqualLinesAndEndsWithTheEndAddress) {
  HexDump dump(0x1000);
  std::string out;
  const std::vector<std::byte> zeros(64);
  const std::vector<std::byte> text = {std::byte{'H'}, std::byte{'i'}, std::byte{0}};
  dump.Add(zeros, out);
  dump.Add(text, out);
  dump.Finish(out);
  EXPECT_EQ(out,
            "000000001000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
            "*\n"
            "000000001040  48 69 00                                          |Hi.|\n"
            "000000001043\n");
}

TEST(RenderTest, HexDumpDoesNotDependOnHowBytesArrive) {
  std::vector<std::byte> bytes(1000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i / 100);
  std::string whole;
  HexDump one(0);
  one.Add(bytes, whole);
  one.Finish(whole);
  std::string pieces;
  HexDump many(0);
  for (const std::byte& byte : bytes) many.Add({&byte, 1}, pieces);
  many.Finish(pieces);
  EXPECT_EQ(whole, pieces);
}

TEST(RenderTest, JsonNamesEnumsAndShowsRegistersInHexadecimal) {
  v1::Snapshot snapshot;
  snapshot.set_guest_name("web1");
  snapshot.set_generation(7);
  snapshot.set_method(v1::Snapshot::METHOD_DIRTY_LOG);
  snapshot.set_wall_time_ns(5);
  snapshot.add_vcpus()->set_rip(0xffffffff81000000);
  const Json json = ToJson(snapshot);
  EXPECT_EQ(json["method"], "dirty_log");
  EXPECT_EQ(json["generation"], 7u);
  EXPECT_EQ(json["wall_time_ns"], 5u);
  EXPECT_EQ(json["pages_zero"], 0u);
  EXPECT_EQ(json["vcpus"][0]["rip"], "0xffffffff81000000");
  EXPECT_FALSE(json["vcpus"][0].contains("lstar"));
  EXPECT_TRUE(json["memory_regions"].is_array());
}

TEST(RenderTest, SnapshotsSayWhatPageTablesNameAndWhatBackendsHadMapped) {
  v1::Snapshot snapshot;
  snapshot.set_frame_space(v1::Snapshot::FRAME_SPACE_GUEST);
  EXPECT_THAT(SnapshotText(snapshot), HasSubstr("page tables name  guest frames\n"));
  EXPECT_THAT(SnapshotText(snapshot), HasSubstr("backend-mapped    unknown\n"));
  EXPECT_FALSE(ToJson(snapshot).contains("pages_backend_mapped"));
  snapshot.set_frame_space(v1::Snapshot::FRAME_SPACE_MACHINE);
  snapshot.set_pages_backend_mapped(3);
  EXPECT_THAT(SnapshotText(snapshot), HasSubstr("page tables name  machine frames\n"));
  EXPECT_THAT(SnapshotText(snapshot), HasSubstr("backend-mapped    3 (12 KiB)\n"));
  EXPECT_EQ(ToJson(snapshot)["frame_space"], "machine");
  EXPECT_EQ(ToJson(snapshot)["pages_backend_mapped"], 3u);
}

TEST(RenderTest, JsonSurvivesNamesThatAreNotUtf8) {
  v1::Guest guest;
  guest.set_name("a\xff\"\n");
  const std::string line = JsonLine(ToJson(guest));
  EXPECT_TRUE(Json::accept(line));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

TEST(RenderTest, ProgressSaysDoneRateAndTimeLeft) {
  EXPECT_EQ(ProgressLine("dump web1@7", 256 << 20, 1 << 30, 2.0),
            "dump web1@7: 256 MiB of 1 GiB (25 %), 128 MiB/s, 6 s left");
  EXPECT_EQ(ProgressLine("x", 0, 0, 0), "x: 0 B of 0 B");
}

TEST(RenderTest, MissedEventsAreNeverSilent) {
  v1::SnapshotEvent event;
  event.set_guest_name("web1");
  event.mutable_missed()->set_first_generation(3);
  event.mutable_missed()->set_last_generation(9);
  EXPECT_THAT(EventText(event), HasSubstr("missed: generations 3 to 9"));
}

}  // namespace
}  // namespace stillframe::cli
