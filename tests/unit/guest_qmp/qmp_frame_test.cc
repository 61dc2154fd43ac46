#include "guest/qmp/qmp_frame.h"

#include <random>
#include <string>

#include "gtest/gtest.h"

namespace stillframe {
namespace {

TEST(QmpFrameTest, TakesAReplyApart) {
  const QmpFrame frame =
      ScanQmpFrame(R"({"return": {"status": "running", "singlestep": false}, "id": "sf-1"})"
                   "\r");
  EXPECT_EQ(frame.kind, QmpFrameKind::kReturn);
  EXPECT_EQ(frame.id, "sf-1");
  EXPECT_EQ(Unquote(FindMember(frame.body, "status")), "running");
  EXPECT_EQ(FindMember(frame.body, "singlestep"), "false");
}

TEST(QmpFrameTest, TakesAnErrorApartWhateverTheOrderOfMembers) {
  const QmpFrame frame =
      ScanQmpFrame(R"({"id": "sf-2", "error": {"class": "GenericError", "desc": "no"}})");
  EXPECT_EQ(frame.kind, QmpFrameKind::kError);
  EXPECT_EQ(frame.id, "sf-2");
  EXPECT_EQ(Unquote(FindMember(frame.body, "desc")), "no");
}

TEST(QmpFrameTest, TakesAnEventApartWithItsTime) {
  const QmpFrame frame = ScanQmpFrame(
      R"({"timestamp": {"seconds": 1795389586, "microseconds": 479876}, "event": "RESET", )"
      R"("data": {"guest": true}})");
  EXPECT_EQ(frame.kind, QmpFrameKind::kEvent);
  EXPECT_EQ(frame.event, "RESET");
  EXPECT_EQ(frame.event_us, 1795389586479876u);
  EXPECT_EQ(FindMember(frame.body, "guest"), "true");
}

TEST(QmpFrameTest, DoesNotTakeTextInsideStringsForMembers) {
  const QmpFrame frame = ScanQmpFrame(
      R"({"return": "\"error\": {}, \"event\": \"RESUME\", \"id\": \"sf-9\"}", "id": "sf-3"})");
  EXPECT_EQ(frame.kind, QmpFrameKind::kReturn);
  EXPECT_EQ(frame.id, "sf-3");
}

TEST(QmpFrameTest, NumericIdsAreNobodys) {
  EXPECT_EQ(ScanQmpFrame(R"({"return": {}, "id": 7})").id, "");
}

TEST(QmpFrameTest, RefusesLinesThatAreNoWholeObject) {
  for (const char* line :
       {"", "{", "}", "[]", "{\"return\"}", "{\"return\": }", "{\"return\": {}", "{\"a\": \"",
        "{\"return\": {}}{\"event\": \"STOP\"}", "{\"return\": {},}x", "null", "{\"a\" 1}"}) {
    EXPECT_EQ(ScanQmpFrame(line).kind, QmpFrameKind::kMalformed) << line;
  }
}

TEST(QmpFrameTest, RefusesNestingWithoutEnd) {
  EXPECT_EQ(ScanQmpFrame("{\"return\": " + std::string(100'000, '[')).kind,
            QmpFrameKind::kMalformed);
  const std::string deep = std::string(1000, '[') + std::string(1000, ']');
  EXPECT_EQ(ScanQmpFrame("{\"return\": " + deep + "}").kind, QmpFrameKind::kMalformed);
}

TEST(QmpFrameTest, SurvivesDamagedLines) {
  const std::string original =
      R"({"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP", "data": {"a": "\"x"}})";
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string line = original;
    for (int i = 0; i < 3; ++i) line[random() % line.size()] = R"({}[]",:\ x)"[random() % 10];
    const QmpFrame frame = ScanQmpFrame(line);
    EXPECT_LE(frame.body.size(), line.size());
  }
}

}  // namespace
}  // namespace stillframe
