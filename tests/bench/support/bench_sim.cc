#include "bench/support/bench_sim.h"

#include <array>

#include "base/status.h"
#include "guest/sim/sim_hypervisor.h"

namespace stillframe::bench {
namespace {

constexpr std::uint64_t kPagesPerMib = 256;

}  // namespace

absl::StatusOr<std::unique_ptr<BenchSim>> BenchSim::Start(BenchSimOptions options) {
  std::unique_ptr<BenchSim> sim(new BenchSim);
  const std::uint64_t ram_pages = options.ram_mib * kPagesPerMib;
  const std::uint64_t touched =
      options.resident_mib == 0 ? ram_pages : options.resident_mib * kPagesPerMib;
  // simguest leaves the first MiB alone where there is room.
  sim->resident_ = {Gfn{std::min(kPagesPerMib, ram_pages - touched)}, touched};
  std::vector<std::string> arguments = {"--ram-mib", std::to_string(options.ram_mib)};
  if (options.workload.empty()) {
    options.workload = {"--workload", "random",         "--dirty-pages-per-second",
                        "1",          "--window-pages", std::to_string(touched)};
  }
  arguments.insert(arguments.end(), options.workload.begin(), options.workload.end());
  SF_ASSIGN_OR_RETURN(sim->process_, SimProcess::Start(sim->directory_.path(), "bench", arguments));
  SF_RETURN_IF_ERROR(sim->MapLog());

  SimHypervisor hypervisor(sim->directory_.path());
  SF_ASSIGN_OR_RETURN(std::unique_ptr<Guest> guest, hypervisor.Open(sim->process_->id()));
  sim->guest_ = std::make_unique<WindowProbe>(std::move(guest));
  options.policy.pause_deadline_ms = 60'000;
  Arena::Options arena;
  arena.name = "bench-arena";
  arena.bytes_max = (2 * touched << kPageShift) + 2 * arena.segment_bytes;
  Retention retention;
  retention.generations_max = options.policy.generations_max;
  SF_ASSIGN_OR_RETURN(sim->store_, SnapshotStore::Create(sim->guest_->identity(), Epoch::Random(),
                                                         std::make_shared<Arena>(arena), retention,
                                                         Clock::System(), sim->events_));
  sim->capturer_ =
      std::make_unique<Capturer>(*sim->guest_, *sim->store_, options.policy, Clock::System());
  return sim;
}

absl::Status BenchSim::MapLog() {
  SF_ASSIGN_OR_RETURN(sim::SimConnection connection,
                      sim::SimConnection::Connect(process_->socket_path()));
  sim::Request request;
  request.command = sim::Command::kAttach;
  sim::AttachReply reply;
  std::array<UniqueFd, 3> fds;
  SF_RETURN_IF_ERROR(connection.CallFor(request, reply, fds));
  log_bits_ = reply.guest_pages;
  SF_ASSIGN_OR_RETURN(
      log_, Mapping::Shared(fds[1].get(), 0, (log_bits_ + 63) / 64 * 8, Access::kReadWrite));
  return absl::OkStatus();
}

void BenchSim::LogDirty(const PageBitmap& dirty) {
  auto* log = reinterpret_cast<std::atomic<std::uint64_t>*>(log_.data());
  for (std::size_t i = 0; i < dirty.words().size(); ++i) {
    if (dirty.words()[i] != 0) log[i].fetch_or(dirty.words()[i]);
  }
}

absl::StatusOr<SnapshotPtr> BenchSim::Capture() {
  SF_ASSIGN_OR_RETURN(auto view, guest_->Refresh());
  return capturer_->Capture(std::move(view), guard_, CaptureTrigger::kRequest, cancelled_);
}

}  // namespace stillframe::bench
