// A gateway over plain arrays: the stillframe.v1 services as simply as they can be written, for
// tests of clients.
//
// Thread-safe. Serves from construction to destruction on a socket of its own.
#pragma once

#include <grpcpp/server.h>
#include <grpcpp/support/status.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "stillframe/v1/event.pb.h"
#include "stillframe/v1/guest.pb.h"
#include "stillframe/v1/snapshot.pb.h"

namespace stillframe::testing {

struct FakePage {
  v1::PageStatus status = v1::PAGE_STATUS_ZERO;
  std::string bytes;  // 4096 of them when present

  friend bool operator==(const FakePage&, const FakePage&) = default;
};

using FakeImage = std::vector<FakePage>;

// A present page filled with `byte`.
FakePage PageOf(char byte);

struct FakeSnapshot {
  v1::Snapshot metadata;
  FakeImage pages;
  std::vector<std::uint64_t> machine_frames;
};

// The guests and their generations; what the services serve.
class FakeWorld {
 public:
  void AddGuest(const std::string& name, const std::string& uuid, const std::string& epoch);

  // The next generation of the guest. `vcpus` and memory regions come from `metadata`.
  std::uint64_t Publish(const std::string& guest, FakeImage pages, v1::Snapshot metadata = {});

  // For generations of the guest that are published from now on.
  void SetMachineFrames(const std::string& guest, std::vector<std::uint64_t> frames);

  void Evict(const std::string& guest, std::uint64_t generation);
  void ChangeEpoch(const std::string& guest, const std::string& epoch);

  // Captures wait until they are cancelled; else they publish the newest image again.
  void HoldCaptures();
  std::uint64_t WaitCapturesWithdrawn(std::uint64_t at_least);

  std::uint64_t pins() const;
  std::uint64_t pins_made() const;

  // What the services use.
  std::vector<v1::Guest> Guests() const;
  grpc::Status Find(const std::string& guest, v1::Guest& found) const;
  grpc::Status Find(const v1::SnapshotSelector& selector,
                    std::shared_ptr<const FakeSnapshot>& found) const;
  std::vector<std::shared_ptr<const FakeSnapshot>> List(const std::string& uuid) const;
  bool captures_held() const;
  void CaptureWithdrawn();
  void Pin(int change);

  // Events from position `next` on; waits a little for one. False: none came.
  bool NextEvent(std::size_t next, v1::SnapshotEvent& event) const;
  std::size_t EventCount() const;

 private:
  struct Guest {
    v1::Guest guest;
    std::vector<std::uint64_t> machine_frames;
    std::map<std::uint64_t, std::shared_ptr<const FakeSnapshot>> live;
  };

  Guest* Named(const std::string& name);
  v1::SnapshotEvent& AddEvent(const Guest& guest);

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Guest> guests_;
  std::vector<v1::SnapshotEvent> events_;
  bool captures_held_ = false;
  std::uint64_t captures_withdrawn_ = 0;
  std::uint64_t pins_ = 0;
  std::uint64_t pins_made_ = 0;
};

class FakeGateway {
 public:
  // `address` as gRPC takes it: "unix:/tmp/x/gateway.sock".
  FakeGateway(FakeWorld& world, const std::string& address);
  ~FakeGateway();

  bool serving() const { return server_ != nullptr; }

 private:
  struct Services;
  std::unique_ptr<Services> services_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace stillframe::testing
