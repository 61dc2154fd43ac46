#include "integration/gateway/test_daemon.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/reason.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kGenerationsInArena = 16;

GuestIdentity MakeIdentity() {
  GuestIdentity guest;
  guest.id = Uuid::OfName("web1");
  guest.name = "web1";
  return guest;
}

}  // namespace

TestDaemon::TestDaemon(Options options)
    : options_(std::move(options)), guest_(MakeIdentity()), uuid_(guest_.id.ToString()) {
  Arena::Options arena;
  arena.name = "test";
  arena.segment_bytes = std::size_t{1} << 20;
  arena.bytes_max = std::max<std::uint64_t>(options_.pages * kPageBytes * kGenerationsInArena,
                                            std::uint64_t{16} << 20);
  Retention retention;
  retention.generations_max = options_.generations_max;
  auto store = SnapshotStore::Create(guest_, Epoch::Random(), std::make_shared<Arena>(arena),
                                     retention, Clock::System(), events_);
  EXPECT_TRUE(store.ok()) << store.status();
  store_ = *std::move(store);
  slots_.assign(options_.pages, kZeroSlot);
  memory_.assign(options_.pages * kPageBytes, '\0');

  LocalServerOptions server_options;
  server_options.socket_path = options_.socket_path;
  auto server = LocalServer::Listen(server_options, *this, Clock::System());
  EXPECT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  thread_ = std::thread([this] { server_->Run(10, [] {}); });
}

TestDaemon::~TestDaemon() { Kill(); }

void TestDaemon::Kill() {
  if (!thread_.joinable()) return;
  server_->Stop();
  thread_.join();
  server_.reset();
}

Generation TestDaemon::Publish(const std::vector<std::uint64_t>& written,
                               const std::map<std::uint64_t, Slot>& emptied) {
  MutexLock lock(mu_);
  std::vector<SlotRun> runs;
  EXPECT_TRUE(store_->arena().Reserve(written.size(), runs).ok());
  std::vector<Slot> fresh;
  for (const SlotRun& run : runs) {
    for (std::uint32_t n = 0; n < run.count; ++n) fresh.push_back(run.first + n);
  }
  ++newest_;
  for (const std::uint64_t page : written) {
    // From the back, so that neighbours in the guest are none in memory.
    slots_[page] = fresh.back();
    fresh.pop_back();
    char* const bytes = memory_.data() + page * kPageBytes;
    for (std::size_t at = 0; at < kPageBytes; at += 8) {
      const std::uint64_t word = (newest_ << 48) ^ (page << 16) ^ at;
      std::memcpy(bytes + at, &word, sizeof(word));
    }
    std::memcpy(store_->arena().At(slots_[page]), bytes, kPageBytes);
  }
  for (const auto& [page, slot] : emptied) {
    slots_[page] = slot;
    std::memset(memory_.data() + page * kPageBytes, 0, kPageBytes);
  }
  SnapshotMetadata metadata;
  metadata.guest = guest_;
  metadata.epoch = store_->epoch();
  metadata.generation = Generation{newest_};
  metadata.pages_total = options_.pages;
  metadata.vcpus.resize(1);
  EXPECT_TRUE(store_->Publish(metadata, slots_, machine_frames_).ok());
  memory_of_[newest_] = memory_;
  while (memory_of_.size() > kGenerationsInArena) memory_of_.erase(memory_of_.begin());
  return Generation{newest_};
}

void TestDaemon::SetMachineFrames(const std::vector<std::uint64_t>& frames) {
  auto sealed = MachineFrames::Seal("test", frames);
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  MutexLock lock(mu_);
  machine_frames_ = std::make_shared<const MachineFrames>(*std::move(sealed));
}

std::string TestDaemon::MemoryOf(Generation generation) const {
  MutexLock lock(mu_);
  return memory_of_.at(generation.value);
}

int TestDaemon::captures_waiting() const {
  MutexLock lock(mu_);
  return static_cast<int>(waiting_.size());
}

std::vector<v1::Guest> TestDaemon::ListGuests() const {
  std::vector<v1::Guest> guests;
  for (const char* const name : {"alpha", "twin", "twin", "web1"}) {
    v1::Guest& guest = guests.emplace_back();
    guest.set_name(name);
    guest.set_uuid(guests.size() == 4 ? uuid_
                                      : Uuid::OfName(std::to_string(guests.size())).ToString());
    guest.set_state(v1::Guest::STATE_RUNNING);
  }
  if (failing_) guests.back().mutable_statistics()->set_last_error("out of room");
  return guests;
}

absl::StatusOr<std::shared_ptr<SnapshotStore>> TestDaemon::FindStore(std::string_view guest) const {
  if (guest == guest_.name || guest == uuid_) return store_;
  return WithReason(absl::NotFoundError("no such guest"), "GUEST_NOT_FOUND");
}

GuestDirectory::CaptureId TestDaemon::RequestCapture(std::string_view, CaptureDone done) {
  if (!hold_captures_) {
    done(store_->Get(Publish({0})));
    return 0;
  }
  MutexLock lock(mu_);
  waiting_[next_capture_] = std::move(done);
  return next_capture_++;
}

void TestDaemon::CancelCapture(CaptureId id) {
  CaptureDone done;
  {
    MutexLock lock(mu_);
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return;
    done = std::move(found->second);
    waiting_.erase(found);
  }
  ++captures_cancelled_;
  done(absl::CancelledError("withdrawn"));
}

}  // namespace stillframe
