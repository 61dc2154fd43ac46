#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "local/server.h"
#include "reader_suite.h"
#include "support/fake_clock.h"
#include "support/fake_guest_directory.h"

namespace stillframe::testing {
namespace {

Slot SlotOf(v1::PageStatus status) {
  switch (status) {
    case v1::PAGE_STATUS_ABSENT_HOLE:
      return kHoleSlot;
    case v1::PAGE_STATUS_ABSENT_MMIO:
      return kMmioSlot;
    case v1::PAGE_STATUS_ABSENT_BALLOONED:
      return kBalloonedSlot;
    case v1::PAGE_STATUS_ABSENT_UNREADABLE:
      return kUnreadableSlot;
    default:
      return kZeroSlot;
  }
}

class LocalBackend final : public ReaderBackend {
 public:
  LocalBackend() : guests_(clock_, {.generations_max = 2}) {
    std::string name = "/tmp/stillframe_reader.XXXXXX";
    folder_ = mkdtemp(name.data());
    LocalServerOptions options;
    options.socket_path = folder_ + "/local.sock";
    auto server = LocalServer::Listen(options, guests_, clock_);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    guests_.BeginEpoch();
    thread_ = std::thread([this] { server_->Run(5, [] {}); });
  }

  ~LocalBackend() override {
    server_->Stop();
    thread_.join();
    std::filesystem::remove_all(folder_);
  }

  std::string target() const override { return "local:" + folder_ + "/local.sock"; }

  // Pages that did not change keep their slots, as after a capture.
  void Publish(const FakeImage& image) override {
    SnapshotStore& store = *guests_.store();
    slots_.resize(image.size(), kZeroSlot);
    for (std::size_t i = 0; i < image.size(); ++i) {
      if (i < image_.size() && image_[i] == image[i]) continue;
      slots_[i] = SlotOf(image[i].status);
      if (image[i].status != v1::PAGE_STATUS_PRESENT) continue;
      std::vector<SlotRun> runs;
      ASSERT_TRUE(store.arena().Reserve(1, runs).ok());
      slots_[i] = runs.front().first;
      std::memcpy(store.arena().At(slots_[i]), image[i].bytes.data(), kPageBytes);
    }
    image_ = image;
    SnapshotMetadata metadata;
    metadata.guest = guests_.identity();
    metadata.epoch = store.epoch();
    metadata.generation = Generation{++generation_};
    metadata.pages_total = image.size();
    const auto published = store.Publish(std::move(metadata), slots_, guests_.machine_frames());
    ASSERT_TRUE(published.ok()) << published.status();
  }

  void SetMachineFrames(const std::vector<std::uint64_t>& frames) override {
    guests_.SetMachineFrames(frames);
  }

  // The store keeps two generations.
  void EvictFirst() override { Publish(image_); }

  std::uint64_t pins() const override { return guests_.store()->pin_count(); }

 private:
  FakeClock clock_;
  FakeGuestDirectory guests_;
  std::string folder_;
  std::unique_ptr<LocalServer> server_;
  std::thread thread_;
  FakeImage image_;
  std::vector<Slot> slots_;
  std::uint64_t generation_ = 0;
};

}  // namespace

std::unique_ptr<ReaderBackend> MakeLocalBackend() { return std::make_unique<LocalBackend>(); }

}  // namespace stillframe::testing
