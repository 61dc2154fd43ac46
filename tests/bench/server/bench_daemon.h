// Stands in for stillframed: one guest with two generations behind the real local protocol.
//
// Serves from Start to the end of the process.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "local/guest_directory.h"
#include "local/server.h"

namespace stillframe::bench {

// In every page one word, at MeshAddress, is the guest-physical address of the next such word: one
// cycle through all pages in random order. The rest is noise.
constexpr std::uint64_t MeshAddress(std::uint64_t page) {
  return (page << kPageShift) + page % 64 * 64;
}

inline constexpr char kBenchGuest[] = "bench";

class BenchDaemon final : public GuestDirectory {
 public:
  // Generation 1 lies in the arena as it does in the guest; in 2, one page in a hundred was
  // written, at random.
  static absl::StatusOr<std::unique_ptr<BenchDaemon>> Start(const std::string& socket_path,
                                                            std::uint64_t pages);
  ~BenchDaemon() override;

  std::vector<v1::Guest> ListGuests() const override;
  absl::StatusOr<std::shared_ptr<SnapshotStore>> FindStore(std::string_view guest) const override;
  CaptureId RequestCapture(std::string_view guest, CaptureDone done) override;
  void CancelCapture(CaptureId) override {}
  EventLog& events() override { return events_; }

 private:
  explicit BenchDaemon(std::uint64_t pages) : slots_(pages) {}
  absl::Status Fill();
  absl::StatusOr<SnapshotPtr> Publish();

  EventLog events_{100};
  GuestIdentity guest_;
  std::vector<Slot> slots_;
  std::uint64_t newest_ = 0;
  std::shared_ptr<SnapshotStore> store_;
  std::unique_ptr<LocalServer> server_;
  std::thread thread_;
};

}  // namespace stillframe::bench
