#include <fcntl.h>
#include <sys/mman.h>

#include "integration/local/local_fixture.h"

namespace stillframe {
namespace {

using std::chrono::milliseconds;
using PinTest = LocalFixture;

TEST_F(PinTest, ReadsEveryPageAsItWasPublished) {
  StartServer();
  guests_->Publish(std::byte{7}, 3);
  const auto client = Connect();
  const auto pinned = client->Pin(Select(), milliseconds(0));
  ASSERT_TRUE(pinned.ok()) << pinned.status();
  const PinnedSnapshot& snapshot = **pinned;
  const Gfn end{snapshot.page_count()};
  ASSERT_EQ(end.value, FakeGuestDirectory::kPages);

  const auto present = snapshot.RunAt(Gfn{0}, end);
  EXPECT_EQ(present.state, PageState::kPresent);
  EXPECT_EQ(present.range, (GfnRange{Gfn{0}, 3}));
  for (std::size_t i = 0; i < present.range.bytes(); ++i) {
    ASSERT_EQ(present.bytes[i], std::byte{7});
  }
  const auto zero = snapshot.RunAt(Gfn{3}, end);
  EXPECT_EQ(zero.state, PageState::kZero);
  EXPECT_EQ(zero.range, (GfnRange{Gfn{3}, end.value - 4}));
  const auto hole = snapshot.RunAt(Gfn{end.value - 1}, end);
  EXPECT_EQ(hole.state, PageState::kHole);
  EXPECT_EQ(snapshot.metadata().vcpus_size(), 1);
  EXPECT_TRUE(snapshot.CheckHeld().ok());
}

TEST_F(PinTest, ReadCrossesPagesStopsAtAHoleAndRefusesThePastEnd) {
  StartServer();
  guests_->Publish(std::byte{7}, 3);
  const auto client = Connect();
  const auto pinned = client->Pin(Select(), milliseconds(0));
  ASSERT_TRUE(pinned.ok()) << pinned.status();
  const std::uint64_t bytes_total = FakeGuestDirectory::kPages * kPageBytes;

  std::vector<std::byte> bytes(2 * kPageBytes, std::byte{0xee});
  auto read = (*pinned)->Read(3 * kPageBytes - 10, bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->copied, bytes.size());
  EXPECT_EQ(bytes[9], std::byte{7});
  EXPECT_EQ(bytes[10], std::byte{0});
  EXPECT_EQ(bytes.back(), std::byte{0});

  read = (*pinned)->Read(bytes_total - kPageBytes - 100, std::span(bytes).first(200));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->copied, 100u);
  EXPECT_EQ(read->state, PageState::kHole);

  const auto past = (*pinned)->Read(bytes_total - 1, std::span(bytes).first(2));
  EXPECT_TRUE(absl::IsOutOfRange(past.status()));
  EXPECT_EQ(ReasonOf(past.status()).name, "RANGE_PAST_END");
  EXPECT_TRUE(absl::IsOutOfRange((*pinned)->Read(~0ull, std::span(bytes).first(2)).status()));
}

TEST_F(PinTest, APinSurvivesEvictionOfItsNeighboursAndOfItself) {
  StartServer();
  guests_->Publish(std::byte{1});
  const auto client = Connect();
  const auto pinned = client->Pin(Select(), milliseconds(0));
  ASSERT_TRUE(pinned.ok());
  for (int i = 2; i < 40; ++i) ASSERT_NE(guests_->Publish(std::byte(i)), nullptr);
  EXPECT_EQ(FirstByte(**pinned), std::byte{1});
  EXPECT_TRUE((*pinned)->CheckHeld().ok());
  EXPECT_EQ(ReasonOf(client->GetSnapshot(Select(2)).status()).name, "GENERATION_EVICTED");
}

TEST_F(PinTest, SegmentsThatComeLaterAreMappedForLaterPins) {
  StartServer({.generations_max = 32});
  const auto client = Connect();
  std::vector<std::shared_ptr<PinnedSnapshot>> pins;
  for (int i = 1; i <= 20; ++i) {  // 20 * 32 pages: several segments of 64
    ASSERT_NE(guests_->Publish(std::byte(i), 32), nullptr);
    auto pinned = client->Pin(Select(), milliseconds(0));
    ASSERT_TRUE(pinned.ok()) << pinned.status();
    pins.push_back(*std::move(pinned));
  }
  for (int i = 1; i <= 20; ++i) EXPECT_EQ(FirstByte(*pins[i - 1]), std::byte(i));
}

TEST_F(PinTest, AnExpiredPinIsKnownToTheReaderAndItsSlotsAreRecycled) {
  StartServer();
  guests_->Publish(std::byte{1});
  const auto client = Connect();
  const auto pinned = client->Pin(Select(), milliseconds(1000));
  ASSERT_TRUE(pinned.ok());
  for (int i = 2; i < 6; ++i) guests_->Publish(std::byte(i));
  clock_.AdvanceMs(900);
  ASSERT_TRUE(client->Renew(**pinned, milliseconds(1000)).ok());
  clock_.AdvanceMs(900);
  EXPECT_TRUE((*pinned)->CheckHeld().ok());
  const std::uint64_t used = guests_->store()->arena().bytes_used();
  clock_.AdvanceMs(200);
  ASSERT_TRUE(Eventually([&] { return !(*pinned)->CheckHeld().ok(); }));
  EXPECT_TRUE(absl::IsAborted((*pinned)->CheckHeld()));
  EXPECT_EQ(ReasonOf((*pinned)->CheckHeld()).name, "READ_LOST_PIN");
  std::byte byte{};
  EXPECT_TRUE(absl::IsAborted((*pinned)->Read(0, std::span(&byte, 1)).status()));
  EXPECT_TRUE(Eventually([&] { return guests_->store()->arena().bytes_used() < used; }));
  EXPECT_EQ(ReasonOf(client->Renew(**pinned, milliseconds(1000))).name, "PIN_NOT_FOUND");
}

TEST_F(PinTest, PinsGoWithTheSnapshotObjectAndWithTheConnection) {
  StartServer();
  guests_->Publish(std::byte{1});
  auto client = Connect();
  auto first = client->Pin(Select(), milliseconds(0));
  auto second = client->Pin(Select(), milliseconds(0));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(guests_->store()->pin_count(), 2u);
  first->reset();
  EXPECT_TRUE(Eventually([&] { return guests_->store()->pin_count() == 1; }));
  client.reset();
  EXPECT_TRUE(Eventually([&] { return guests_->store()->pin_count() == 0; }));
  EXPECT_EQ(FirstByte(**second), std::byte{1});
}

TEST_F(PinTest, QuotasAreRefusedWithTheirName) {
  options_.pins_per_connection_max = 3;
  StartServer({.generations_max = 2, .pins_max = 5});
  guests_->Publish(std::byte{1});
  const auto client = Connect();
  const auto other = Connect();
  std::vector<std::shared_ptr<PinnedSnapshot>> held;
  for (int i = 0; i < 3; ++i) held.push_back(*client->Pin(Select(), milliseconds(0)));
  const absl::Status own = client->Pin(Select(), milliseconds(0)).status();
  EXPECT_TRUE(absl::IsResourceExhausted(own));
  EXPECT_EQ(ReasonOf(own).name, "LIMIT_EXCEEDED");
  EXPECT_EQ(ReasonOf(own).metadata.at("limit"), "pins_per_connection_max");
  for (int i = 0; i < 2; ++i) held.push_back(*other->Pin(Select(), milliseconds(0)));
  const absl::Status all = other->Pin(Select(), milliseconds(0)).status();
  EXPECT_EQ(ReasonOf(all).metadata.at("limit"), "pins_max");
  held.erase(held.begin());
  EXPECT_TRUE(Eventually([&] { return client->Pin(Select(), milliseconds(0)).ok(); }));
  const absl::Status ttl = client->Pin(Select(), std::chrono::hours(1)).status();
  EXPECT_EQ(ReasonOf(ttl).metadata.at("limit"), "pin_ttl_ms_max");
}

TEST_F(PinTest, APinOutlivesItsEpochAndTheGuardRefusesAnother) {
  StartServer();
  guests_->Publish(std::byte{1});
  const auto client = Connect();
  const auto pinned = client->Pin(Select(), milliseconds(0));
  ASSERT_TRUE(pinned.ok());
  v1::SnapshotSelector guarded = Select();
  guarded.set_epoch((*pinned)->metadata().epoch());
  EXPECT_TRUE(client->GetSnapshot(guarded).ok());
  guests_->BeginEpoch();
  guests_->Publish(std::byte{9});
  EXPECT_EQ(FirstByte(**pinned), std::byte{1});
  EXPECT_TRUE((*pinned)->CheckHeld().ok());
  for (const absl::Status& status :
       {client->GetSnapshot(guarded).status(), client->Pin(guarded, milliseconds(0)).status()}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status));
    EXPECT_EQ(ReasonOf(status).name, "EPOCH_CHANGED");
  }
  const auto fresh = client->Pin(Select(), milliseconds(0));
  ASSERT_TRUE(fresh.ok());
  EXPECT_EQ(FirstByte(**fresh), std::byte{9});
}

TEST_F(PinTest, MachineFramesComeWithThePinAndOutliveIt) {
  StartServer();
  guests_->Publish(std::byte{1});
  std::vector<std::uint64_t> table(FakeGuestDirectory::kPages, kNoMachineFrame);
  for (std::uint64_t page = 0; page < 8; ++page) table[page] = 0x12345678 - 3 * page;
  guests_->SetMachineFrames(table);
  guests_->Publish(std::byte{2});
  const auto client = Connect();
  const auto before = client->Pin(Select(1), milliseconds(0));
  const auto after = client->Pin(Select(2), milliseconds(1000));
  ASSERT_TRUE(before.ok() && after.ok()) << before.status() << after.status();
  EXPECT_EQ((*before)->metadata().frame_space(), v1::Snapshot::FRAME_SPACE_GUEST);
  EXPECT_TRUE((*before)->machine_frames().empty());
  EXPECT_EQ((*after)->metadata().frame_space(), v1::Snapshot::FRAME_SPACE_MACHINE);

  for (int i = 3; i < 6; ++i) guests_->Publish(std::byte(i));
  clock_.AdvanceMs(2000);
  ASSERT_TRUE(Eventually([&] { return !(*after)->CheckHeld().ok(); }));
  const auto frames = (*after)->machine_frames();
  EXPECT_EQ(std::vector<std::uint64_t>(frames.begin(), frames.end()), table);
}

TEST_F(PinTest, ReadersCannotMapTheArenaWritable) {
  StartServer();
  const SnapshotPtr snapshot = guests_->Publish(std::byte{1});
  for (const int fd :
       {snapshot->arena->segment_fd(0), guests_->store()->control().fd(), snapshot->pages.fd()}) {
    EXPECT_EQ(mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    const UniqueFd reopened(
        open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDWR | O_CLOEXEC));
    if (!reopened.valid()) continue;
    EXPECT_EQ(mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, reopened.get(), 0),
              MAP_FAILED);
    EXPECT_LT(pwrite(reopened.get(), "x", 1, 0), 0);
  }
}

}  // namespace
}  // namespace stillframe
