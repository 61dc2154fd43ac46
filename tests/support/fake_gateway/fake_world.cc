#include <algorithm>
#include <chrono>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "support/fake_gateway/fake_errors.h"
#include "support/fake_gateway/fake_gateway.h"

namespace stillframe::testing {

FakePage PageOf(char byte) { return {v1::PAGE_STATUS_PRESENT, std::string(4096, byte)}; }

grpc::Status FakeError(grpc::StatusCode code, const std::string& message, const std::string& reason,
                       const std::map<std::string, std::string>& metadata) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("stillframe");
  info.mutable_metadata()->insert(metadata.begin(), metadata.end());
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(info);
  return {code, message, details.SerializeAsString()};
}

void FakeWorld::AddGuest(const std::string& name, const std::string& uuid,
                         const std::string& epoch) {
  std::lock_guard<std::mutex> lock(mutex_);
  Guest guest;
  guest.guest.set_name(name);
  guest.guest.set_uuid(uuid);
  guest.guest.set_epoch(epoch);
  guest.guest.set_backend("sim");
  guest.guest.set_state(v1::Guest::STATE_RUNNING);
  guest.guest.set_vcpu_count(1);
  guests_.push_back(std::move(guest));
}

std::uint64_t FakeWorld::Publish(const std::string& name, FakeImage pages, v1::Snapshot metadata) {
  std::lock_guard<std::mutex> lock(mutex_);
  Guest& guest = *Named(name);
  const std::uint64_t generation = guest.guest.latest_generation() + 1;
  metadata.set_guest_uuid(guest.guest.uuid());
  metadata.set_guest_name(name);
  metadata.set_epoch(guest.guest.epoch());
  metadata.set_generation(generation);
  metadata.set_method(v1::Snapshot::METHOD_FULL);
  metadata.set_wall_time_ns(1'700'000'000'000'000'000 + generation * 1'000'000'000);
  metadata.set_pause_begin_ns(1'000'000);
  metadata.set_pause_end_ns(2'500'000);
  metadata.set_page_count(pages.size());
  for (const FakePage& page : pages) {
    if (page.status == v1::PAGE_STATUS_PRESENT) {
      metadata.set_pages_present(metadata.pages_present() + 1);
    } else if (page.status == v1::PAGE_STATUS_ZERO) {
      metadata.set_pages_zero(metadata.pages_zero() + 1);
    } else {
      metadata.set_pages_absent(metadata.pages_absent() + 1);
    }
  }
  metadata.set_frame_space(guest.machine_frames.empty() ? v1::Snapshot::FRAME_SPACE_GUEST
                                                        : v1::Snapshot::FRAME_SPACE_MACHINE);
  guest.guest.set_page_count(pages.size());
  guest.guest.set_latest_generation(generation);
  if (guest.live.empty()) guest.guest.set_oldest_generation(generation);
  *AddEvent(guest).mutable_published() = metadata;
  guest.live[generation] = std::make_shared<FakeSnapshot>(
      FakeSnapshot{metadata, std::move(pages), guest.machine_frames});
  return generation;
}

void FakeWorld::SetMachineFrames(const std::string& name, std::vector<std::uint64_t> frames) {
  std::lock_guard<std::mutex> lock(mutex_);
  Named(name)->machine_frames = std::move(frames);
}

void FakeWorld::Evict(const std::string& name, std::uint64_t generation) {
  std::lock_guard<std::mutex> lock(mutex_);
  Guest& guest = *Named(name);
  guest.live.erase(generation);
  guest.guest.set_oldest_generation(guest.live.empty() ? 0 : guest.live.begin()->first);
  v1::GenerationEvicted& evicted = *AddEvent(guest).mutable_evicted();
  evicted.set_generation(generation);
  evicted.set_oldest_generation(guest.guest.oldest_generation());
}

void FakeWorld::ChangeEpoch(const std::string& name, const std::string& epoch) {
  std::lock_guard<std::mutex> lock(mutex_);
  Guest& guest = *Named(name);
  const std::string previous = guest.guest.epoch();
  guest.live.clear();
  guest.guest.set_epoch(epoch);
  guest.guest.set_latest_generation(0);
  guest.guest.set_oldest_generation(0);
  AddEvent(guest).mutable_epoch_changed()->set_previous_epoch(previous);
}

void FakeWorld::HoldCaptures() {
  std::lock_guard<std::mutex> lock(mutex_);
  captures_held_ = true;
}

std::uint64_t FakeWorld::WaitCapturesWithdrawn(std::uint64_t at_least) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, std::chrono::seconds(20),
                    [&] { return captures_withdrawn_ >= at_least; });
  return captures_withdrawn_;
}

std::uint64_t FakeWorld::pins() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return pins_;
}

std::uint64_t FakeWorld::pins_made() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return pins_made_;
}

std::vector<v1::Guest> FakeWorld::Guests() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<v1::Guest> guests;
  for (const Guest& guest : guests_) guests.push_back(guest.guest);
  return guests;
}

grpc::Status FakeWorld::Find(const std::string& name, v1::Guest& found) const {
  for (const v1::Guest& guest : Guests()) {
    if (guest.name() != name && guest.uuid() != name) continue;
    found = guest;
    return grpc::Status::OK;
  }
  return FakeError(grpc::StatusCode::NOT_FOUND, "guest " + name + ": no such guest",
                   "GUEST_NOT_FOUND", {{"guest", name}});
}

grpc::Status FakeWorld::Find(const v1::SnapshotSelector& selector,
                             std::shared_ptr<const FakeSnapshot>& found) const {
  v1::Guest guest;
  if (grpc::Status status = Find(selector.guest(), guest); !status.ok()) return status;
  if (!selector.epoch().empty() && selector.epoch() != guest.epoch()) {
    return FakeError(grpc::StatusCode::FAILED_PRECONDITION, "the epoch changed", "EPOCH_CHANGED",
                     {{"epoch", guest.epoch()}});
  }
  const std::uint64_t wanted =
      selector.generation() == 0 ? guest.latest_generation() : selector.generation();
  if (guest.latest_generation() == 0) {
    return FakeError(grpc::StatusCode::NOT_FOUND, "guest " + guest.name() + ": no snapshot yet",
                     "NO_SNAPSHOT_YET", {});
  }
  for (const auto& snapshot : List(guest.uuid())) {
    if (snapshot->metadata.generation() != wanted) continue;
    found = snapshot;
    return grpc::Status::OK;
  }
  const std::string what =
      "generation " + std::to_string(wanted) + " of guest " + guest.name() + ": ";
  if (wanted > guest.latest_generation()) {
    return FakeError(grpc::StatusCode::NOT_FOUND, what + "not taken yet", "GENERATION_NOT_YET", {});
  }
  return FakeError(grpc::StatusCode::OUT_OF_RANGE, what + "evicted", "GENERATION_EVICTED",
                   {{"oldest_generation", std::to_string(guest.oldest_generation())}});
}

std::vector<std::shared_ptr<const FakeSnapshot>> FakeWorld::List(const std::string& uuid) const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::shared_ptr<const FakeSnapshot>> snapshots;
  for (const Guest& guest : guests_) {
    if (guest.guest.uuid() != uuid) continue;
    for (const auto& [generation, snapshot] : guest.live) snapshots.push_back(snapshot);
  }
  return snapshots;
}

bool FakeWorld::captures_held() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return captures_held_;
}

void FakeWorld::CaptureWithdrawn() {
  std::lock_guard<std::mutex> lock(mutex_);
  ++captures_withdrawn_;
  changed_.notify_all();
}

void FakeWorld::Pin(int change) {
  std::lock_guard<std::mutex> lock(mutex_);
  pins_ += static_cast<std::uint64_t>(change);
  if (change > 0) ++pins_made_;
}

bool FakeWorld::NextEvent(std::size_t next, v1::SnapshotEvent& event) const {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(20), [&] { return events_.size() > next; });
  if (events_.size() <= next) return false;
  event = events_[next];
  return true;
}

std::size_t FakeWorld::EventCount() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return events_.size();
}

FakeWorld::Guest* FakeWorld::Named(const std::string& name) {
  const auto found = std::find_if(guests_.begin(), guests_.end(), [&name](const Guest& guest) {
    return guest.guest.name() == name;
  });
  return &*found;
}

v1::SnapshotEvent& FakeWorld::AddEvent(const Guest& guest) {
  v1::SnapshotEvent& event = events_.emplace_back();
  event.set_guest_uuid(guest.guest.uuid());
  event.set_guest_name(guest.guest.name());
  event.set_epoch(guest.guest.epoch());
  changed_.notify_all();
  return event;
}

}  // namespace stillframe::testing
