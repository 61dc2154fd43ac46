#include <cstdlib>
#include <filesystem>

#include "reader_suite.h"

namespace stillframe::testing {
namespace {

class GrpcBackend final : public ReaderBackend {
 public:
  GrpcBackend() {
    std::string name = "/tmp/stillframe_reader.XXXXXX";
    folder_ = mkdtemp(name.data());
    world_.AddGuest("web1", "11111111-2222-4333-8444-555555555555",
                    "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee");
    gateway_ = std::make_unique<FakeGateway>(world_, target());
  }
  ~GrpcBackend() override {
    gateway_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::string target() const override { return "unix:" + folder_ + "/gateway.sock"; }
  void Publish(const FakeImage& image) override { world_.Publish("web1", image); }
  void SetMachineFrames(const std::vector<std::uint64_t>& frames) override {
    world_.SetMachineFrames("web1", frames);
  }
  void EvictFirst() override { world_.Evict("web1", 1); }
  std::uint64_t pins() const override { return world_.pins(); }

 private:
  std::string folder_;
  FakeWorld world_;
  std::unique_ptr<FakeGateway> gateway_;
};

}  // namespace

std::unique_ptr<ReaderBackend> MakeGrpcBackend() { return std::make_unique<GrpcBackend>(); }

}  // namespace stillframe::testing
