#include "gateway/audit/audit_log.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/reason.h"
#include "gateway/audit/audit_sinks.h"
#include "support/eventually.h"
#include "support/temp_directory.h"

namespace stillframe {
namespace {

// Takes records only while it is open; `part` of a batch may have got through before an error.
class DoorSink final : public AuditSink {
 public:
  struct Door {
    Mutex mu;
    bool open ABSL_GUARDED_BY(mu) = false;
    std::vector<std::string> methods ABSL_GUARDED_BY(mu);

    void Open() {
      MutexLock lock(mu);
      open = true;
    }
    std::size_t size() {
      MutexLock lock(mu);
      return methods.size();
    }
  };
  explicit DoorSink(Door& door) : door_(door) {}

  absl::Status Write(std::span<const AuditRecord> records) override {
    MutexLock lock(door_.mu);
    if (!door_.open) return absl::ResourceExhaustedError("the disk is full");
    for (const AuditRecord& record : records) door_.methods.push_back(record.method);
    return absl::OkStatus();
  }

 private:
  Door& door_;
};

std::vector<std::unique_ptr<AuditSink>> Sinks(DoorSink::Door& door) {
  std::vector<std::unique_ptr<AuditSink>> sinks;
  sinks.push_back(std::make_unique<DoorSink>(door));
  return sinks;
}

AuditRecord Called(const std::string& method) {
  AuditRecord record;
  record.method = method;
  return record;
}

TEST(AuditLogTest, RefusesCallsRatherThanLoseRecords) {
  DoorSink::Door door;
  AuditLog log(Sinks(door), 16);
  std::vector<AuditLog::Place> open;
  for (int i = 0; i < 16; ++i) {
    auto place = log.Reserve();
    ASSERT_TRUE(place.ok());
    open.push_back(*std::move(place));
  }
  const absl::Status refused = log.Reserve().status();
  EXPECT_TRUE(absl::IsUnavailable(refused));
  EXPECT_EQ(ReasonOf(refused).name, "AUDIT_BEHIND");
  // Ended calls keep their places until their records are written.
  for (int i = 0; i < 16; ++i) open[static_cast<std::size_t>(i)].Put(Called(std::to_string(i)));
  open.clear();
  EXPECT_TRUE(Eventually([&] { return log.statistics().failures > 0; }));
  EXPECT_FALSE(log.Reserve().ok());
  door.Open();
  EXPECT_TRUE(Eventually([&] { return log.statistics().places_taken == 0; }));
  EXPECT_EQ(log.statistics().written, 16u);
  EXPECT_EQ(log.statistics().refused, 2u);
  MutexLock lock(door.mu);
  ASSERT_EQ(door.methods.size(), 16u);
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(door.methods[static_cast<std::size_t>(i)], std::to_string(i));
  }
}

TEST(AuditLogTest, APlaceThatIsNotUsedIsGivenBack) {
  DoorSink::Door door;
  AuditLog log(Sinks(door), 16);
  { const auto place = log.Reserve(); }
  EXPECT_EQ(log.statistics().places_taken, 0u);
}

TEST(AuditLogTest, WritesWhatIsLeftWhenItGoes) {
  DoorSink::Door door;
  door.Open();
  {
    AuditLog log(Sinks(door), 64);
    for (int i = 0; i < 64; ++i) {
      auto place = log.Reserve();
      if (place.ok()) place->Put(Called("x"));
    }
  }
  EXPECT_EQ(door.size(), 64u);
}

TEST(AuditFileTest, IsOneJsonObjectALineAndFollowsRotation) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/audit.jsonl";
  auto file = OpenAuditFile(path);
  ASSERT_TRUE(file.ok()) << file.status();
  AuditRecord record = Called("MemoryService/ReadPages");
  record.wall_time_ns = 1'700'000'000'123'456'789;
  record.principal = "dns:mon\"1\n";  // what is hostile stays within its string
  record.guest_name = "web\xff";
  record.bytes = 8192;
  ASSERT_TRUE((*file)->Write(std::span(&record, 1)).ok());
  std::filesystem::rename(path, path + ".1");
  (*file)->Reopen();
  ASSERT_TRUE((*file)->Write(std::span(&record, 1)).ok());
  for (const std::string& name : {path, path + ".1"}) {
    std::ifstream in(name);
    std::string line;
    ASSERT_TRUE(std::getline(in, line)) << name;
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json["time"], "2023-11-14T22:13:20.123456Z");
    EXPECT_EQ(json["principal"], "dns:mon\"1\n");
    EXPECT_EQ(json["bytes"], 8192);
    EXPECT_FALSE(json.contains("generation"));
    EXPECT_FALSE(std::getline(in, line));
  }
}

TEST(AuditFileTest, AFullDiskIsAnErrorAndNothingIsRepeatedLater) {
  auto full = OpenAuditFile("/dev/full");
  ASSERT_TRUE(full.ok()) << full.status();
  const AuditRecord record = Called("x");
  EXPECT_TRUE(absl::IsResourceExhausted((*full)->Write(std::span(&record, 1))));
}

}  // namespace
}  // namespace stillframe
