#include "bench/server/bench_daemon.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "base/reason.h"
#include "base/status.h"

namespace stillframe::bench {
namespace {

constexpr std::uint64_t kGenerations = 2;
constexpr std::uint64_t kTickMs = 10;

std::vector<Slot> SlotsOf(const std::vector<SlotRun>& runs) {
  std::vector<Slot> slots;
  for (const SlotRun& run : runs) {
    for (std::uint32_t i = 0; i < run.count; ++i) slots.push_back(run.first + i);
  }
  return slots;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BenchDaemon>> BenchDaemon::Start(const std::string& socket_path,
                                                                std::uint64_t pages) {
  std::unique_ptr<BenchDaemon> daemon(new BenchDaemon(pages));
  daemon->guest_ = {GuestId::OfName(kBenchGuest), kBenchGuest, Backend::kSim};
  Arena::Options arena;
  arena.name = "bench-arena";
  arena.bytes_max = ((pages + pages / 50) << kPageShift) + 2 * arena.segment_bytes;
  Retention retention;
  retention.generations_max = kGenerations;
  SF_ASSIGN_OR_RETURN(
      daemon->store_,
      SnapshotStore::Create(daemon->guest_, Epoch::Random(), std::make_shared<Arena>(arena),
                            retention, Clock::System(), daemon->events_));
  SF_RETURN_IF_ERROR(daemon->Fill());
  LocalServerOptions options;
  options.socket_path = socket_path;
  SF_ASSIGN_OR_RETURN(daemon->server_, LocalServer::Listen(options, *daemon, Clock::System()));
  daemon->thread_ = std::thread([raw = daemon.get()] { raw->server_->Run(kTickMs, [] {}); });
  return daemon;
}

BenchDaemon::~BenchDaemon() {
  if (!thread_.joinable()) return;
  server_->Stop();
  thread_.join();
}

absl::Status BenchDaemon::Fill() {
  Arena& arena = store_->arena();
  std::vector<SlotRun> runs;
  SF_RETURN_IF_ERROR(arena.Reserve(slots_.size(), runs));
  slots_ = SlotsOf(runs);
  std::mt19937_64 random(1);
  for (std::uint64_t page = 0; page < slots_.size(); ++page) {
    auto* words = reinterpret_cast<std::uint64_t*>(arena.At(slots_[page]));
    std::uint64_t word = random();
    for (std::size_t i = 0; i < kPageBytes / sizeof word; ++i) words[i] = word += word << 7 | 1;
  }
  std::vector<std::uint32_t> order(slots_.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::uint64_t next = MeshAddress(order[(i + 1) % order.size()]);
    const std::uint64_t here = MeshAddress(order[i]);
    std::memcpy(arena.At(slots_[order[i]]) + here % kPageBytes, &next, sizeof next);
  }
  SF_RETURN_IF_ERROR(Publish().status());

  runs.clear();
  SF_RETURN_IF_ERROR(arena.Reserve(slots_.size() / 100, runs));
  std::size_t i = 0;
  for (const Slot fresh : SlotsOf(runs)) {
    Slot& old = slots_[order[i++]];
    std::memcpy(arena.At(fresh), arena.At(old), kPageBytes);
    old = fresh;
  }
  return Publish().status();
}

absl::StatusOr<SnapshotPtr> BenchDaemon::Publish() {
  SnapshotMetadata metadata;
  metadata.guest = guest_;
  metadata.epoch = store_->epoch();
  metadata.generation = Generation{++newest_};
  metadata.pages_total = metadata.pages_present = slots_.size();
  metadata.vcpus.resize(1);
  return store_->Publish(metadata, slots_);
}

std::vector<v1::Guest> BenchDaemon::ListGuests() const {
  v1::Guest guest;
  guest.set_name(kBenchGuest);
  guest.set_uuid(guest_.id.ToString());
  guest.set_state(v1::Guest::STATE_RUNNING);
  return {guest};
}

absl::StatusOr<std::shared_ptr<SnapshotStore>> BenchDaemon::FindStore(
    std::string_view guest) const {
  if (guest == kBenchGuest || guest == guest_.id.ToString()) return store_;
  return WithReason(absl::NotFoundError("no such guest"), "GUEST_NOT_FOUND");
}

GuestDirectory::CaptureId BenchDaemon::RequestCapture(std::string_view, CaptureDone done) {
  done(absl::UnimplementedError("the benchmark's guest is not captured"));
  return 0;
}

}  // namespace stillframe::bench
