// stillframe-simguest: a guest without a hypervisor, for tests and demonstrations.

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/status.h"
#include "simguest/control_server.h"
#include "simguest/guest_ram.h"
#include "simguest/machine.h"
#include "simguest/workload.h"

namespace stillframe::sim {
namespace {

constexpr std::uint64_t kPagesPerMib = 256;
constexpr std::uint64_t kHighMemory = std::uint64_t{1} << 20;  // gfn of 4 GiB

struct Options {
  std::string directory;
  std::string name = "guest";
  std::string uuid;
  std::uint64_t ram_mib = 64;
  std::uint32_t vcpus = 1;
  std::string workload = "idle";
  std::uint64_t window_pages = 0;
  std::uint64_t pages_per_second = 0;
  std::uint64_t seed = 1;
  std::vector<std::string> holes;
  bool high_memory = false;
  bool machine_frames = false;
  bool die_with_parent = false;
};

void Declare(CLI::App& app, Options& options) {
  app.add_option("--directory", options.directory,
                 "Directory for the control socket <name>.sim; stillframed's sim directory")
      ->required();
  app.add_option("--name", options.name, "Name of the guest")
      ->capture_default_str()
      ->check([](const std::string& name) {
        const bool fine = !name.empty() && name.size() < 64 && name.find('/') == name.npos;
        return std::string(fine ? "" : "a name has 1 to 63 characters and no '/'");
      });
  app.add_option("--uuid", options.uuid, "Identity of the guest; default: derived from the name");
  app.add_option("--ram-mib", options.ram_mib, "RAM in MiB")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--vcpus", options.vcpus, "Number of vCPU threads")
      ->capture_default_str()
      ->check(CLI::Range(1u, kVcpusMax));
  app.add_option("--workload", options.workload,
                 "What the vCPUs do:\n"
                 "  idle        nothing\n"
                 "  sequential  write whole pages in order\n"
                 "  random      write words into random pages\n"
                 "  drift       read and write in a loop over a window that moves\n"
                 "  mesh        chase and rewrite page-table-like pointers\n"
                 "  torn        vCPU 0 stamps sequence numbers into pages in order, so that a\n"
                 "              torn snapshot is provably torn; the others idle")
      ->capture_default_str()
      ->check(CLI::IsMember({"idle", "sequential", "random", "drift", "mesh", "torn"}));
  app.add_option("--window-pages", options.window_pages,
                 "Pages that the workload uses, all vCPUs together; 0: a quarter of the RAM")
      ->capture_default_str();
  app.add_option("--dirty-pages-per-second", options.pages_per_second,
                 "Pages written a second, all vCPUs together; 0: as fast as they can")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of every random choice")->capture_default_str();
  app.add_option("--hole", options.holes,
                 "GFN:PAGES, a gap in the address space; RAM goes on behind it. Repeatable");
  app.add_flag("--high-memory", options.high_memory,
               "Put the upper half of the RAM at 4 GiB, as PCs do");
  app.add_flag("--machine-frames", options.machine_frames,
               "Let CR3 and page tables name machine frames, as in a Xen PV guest");
  app.add_flag("--die-with-parent", options.die_with_parent,
               "End when the process that started this one ends");
  app.footer(
      "Prints one line when the guest runs. Ends on SIGTERM. Example:\n"
      "  stillframe-simguest --directory /run/stillframe/sim --name demo --workload torn");
}

absl::StatusOr<std::vector<GfnRange>> HolesOf(const Options& options) {
  std::vector<GfnRange> holes;
  for (const std::string& text : options.holes) {
    char* end = nullptr;
    const std::uint64_t first = std::strtoull(text.c_str(), &end, 0);
    const std::uint64_t pages = *end == ':' ? std::strtoull(end + 1, &end, 0) : 0;
    if (*end != '\0' || pages == 0 || pages > kGuestPagesMax || first > kGuestPagesMax) {
      return absl::InvalidArgumentError(
          fmt::format("--hole {}: expected GFN:PAGES, such as 0x4000:256", text));
    }
    holes.push_back({Gfn{first}, pages});
  }
  if (options.high_memory) {
    const std::uint64_t low = std::min(options.ram_mib * kPagesPerMib / 2, kHighMemory);
    if (low < kHighMemory) holes.push_back({Gfn{low}, kHighMemory - low});
  }
  std::sort(holes.begin(), holes.end(),
            [](const GfnRange& a, const GfnRange& b) { return a.first < b.first; });
  return holes;
}

std::vector<WorkloadOptions> WorkloadsOf(const Options& options, std::uint64_t ram_pages) {
  std::uint64_t window = options.window_pages != 0 ? options.window_pages : ram_pages / 4;
  window = std::min(window, ram_pages);
  // The first MiB stays untouched where there is room, as a guest's would by its workload.
  const std::uint64_t first = std::min(kPagesPerMib, ram_pages - window);
  std::vector<WorkloadOptions> workloads(options.vcpus);
  const WorkloadKind kind = ParseWorkload(options.workload).value_or(WorkloadKind::kIdle);
  const std::uint64_t share = kind == WorkloadKind::kTorn ? 1 : options.vcpus;
  for (std::uint64_t i = 0; i < share; ++i) {
    WorkloadOptions& workload = workloads[i];
    workload.kind = kind;
    workload.window_first = first + window * i / share;
    workload.window_pages = window * (i + 1) / share - window * i / share;
    workload.pages_per_second = options.pages_per_second == 0
                                    ? 0
                                    : std::max<std::uint64_t>(1, options.pages_per_second / share);
    workload.seed = options.seed + i;
  }
  return workloads;
}

// SIGTERM and SIGINT as a descriptor; blocked for all threads that start later.
UniqueFd StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC));
}

absl::Status Run(const Options& options) {
  GuestIdentity identity;
  identity.name = options.name;
  identity.backend = Backend::kSim;
  const std::optional<Uuid> uuid =
      options.uuid.empty() ? Uuid::OfName("sim:" + options.name) : Uuid::Parse(options.uuid);
  if (!uuid.has_value() || uuid->is_nil()) {
    return absl::InvalidArgumentError(fmt::format("--uuid {}: not a UUID", options.uuid));
  }
  identity.id = *uuid;

  umask(0077);
  const UniqueFd stop = StopSignals();
  SF_ASSIGN_OR_RETURN(const std::vector<GfnRange> holes, HolesOf(options));
  SF_ASSIGN_OR_RETURN(GuestRam ram, GuestRam::Create(options.ram_mib * kPagesPerMib, holes));
  if (options.machine_frames) SF_RETURN_IF_ERROR(ram.DealMachineFrames(options.seed));
  const std::vector<WorkloadOptions> workloads = WorkloadsOf(options, ram.pages());
  SF_ASSIGN_OR_RETURN(const std::unique_ptr<Machine> machine,
                      Machine::Start(std::move(ram), workloads));
  const std::string path = fmt::format("{}/{}{}", options.directory, options.name, kSocketSuffix);
  SF_ASSIGN_OR_RETURN(ControlServer server, ControlServer::Listen(path, identity, *machine));
  fmt::print("ready pid={} id={} socket={}\n", getpid(), identity.id.ToString(), path);
  std::fflush(stdout);
  return server.Serve(stop.get());
}

}  // namespace
}  // namespace stillframe::sim

int main(int argc, char** argv) {
  stillframe::sim::Options options;
  CLI::App app("A simulated guest: a process with RAM, vCPUs, a real pause and a real dirty log.");
  stillframe::sim::Declare(app, options);
  CLI11_PARSE(app, argc, argv);
  if (options.die_with_parent) {
    const pid_t parent = getppid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || parent == 1) return EXIT_FAILURE;
  }
  const absl::Status status = stillframe::sim::Run(options);
  if (status.ok()) return EXIT_SUCCESS;
  fmt::print(stderr, "stillframe-simguest: {}\n", stillframe::MessageOf(status));
  return EXIT_FAILURE;
}
