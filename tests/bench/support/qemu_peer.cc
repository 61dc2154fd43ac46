#include "bench/support/qemu_peer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace stillframe::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTimeout{120'000};
constexpr std::chrono::milliseconds kPoll{2};

}  // namespace

absl::StatusOr<SavingCost> TimeSaving(QmpConnection& qmp,
                                      const std::function<absl::Status()>& save) {
  SF_RETURN_IF_ERROR(qmp.Drain());
  const QmpEvents before = qmp.events();
  const auto begin = Steady::now();
  SF_RETURN_IF_ERROR(save());
  while (qmp.events().resumes == before.resumes) SF_RETURN_IF_ERROR(qmp.AwaitLine(kTimeout));
  const std::chrono::duration<double, std::milli> total = Steady::now() - begin;
  const QmpEvents& after = qmp.events();
  if (after.stops != before.stops + 1 || after.resumes != before.resumes + 1) {
    return absl::InternalError(fmt::format("the guest was stopped {} times, resumed {} times",
                                           after.stops - before.stops,
                                           after.resumes - before.resumes));
  }
  return SavingCost{static_cast<double>(after.last_resume_us - after.last_stop_us) * 1e-3,
                    total.count()};
}

QemuPeer::QemuPeer(QemuProcess& qemu)
    : qemu_(qemu), path_(fmt::format("/dev/shm/stillframe-peer-{}", getpid())) {}

QemuPeer::~QemuPeer() { unlink(path_.c_str()); }

absl::Status QemuPeer::Run(const std::string& command, const nlohmann::json& arguments) {
  return Annotate(qemu_.observer().Execute(command, arguments, kTimeout).status(), command);
}

absl::StatusOr<SavingCost> QemuPeer::Time(const std::function<absl::Status()>& save) {
  auto cost = TimeSaving(qemu_.observer(), save);
  unlink(path_.c_str());
  return cost;
}

absl::StatusOr<SavingCost> QemuPeer::StopPmemsaveCont(std::uint64_t bytes) {
  return Time([&]() -> absl::Status {
    SF_RETURN_IF_ERROR(Run("stop", nullptr));
    SF_RETURN_IF_ERROR(Run("pmemsave", {{"val", 0}, {"size", bytes}, {"filename", path_}}));
    return Run("cont", nullptr);
  });
}

absl::StatusOr<SavingCost> QemuPeer::DumpGuestMemory() {
  return Time([&] {
    return Run("dump-guest-memory", {{"paging", false}, {"protocol", "file:" + path_}});
  });
}

absl::Status QemuPeer::Migrate() {
  SF_RETURN_IF_ERROR(Run("migrate-set-parameters", {{"max-bandwidth", std::uint64_t{1} << 40}}));
  SF_RETURN_IF_ERROR(Run("migrate", {{"uri", "exec:cat >" + path_}}));
  for (const auto deadline = Steady::now() + kTimeout; Steady::now() < deadline;) {
    auto reply = qemu_.observer().Execute("query-migrate", nullptr, kTimeout);
    SF_RETURN_IF_ERROR(reply.status());
    const std::string status = reply->value("status", "none");
    if (status == "completed") return absl::OkStatus();
    if (status == "failed" || status == "cancelled") {
      return absl::InternalError(
          fmt::format("migration {}: {}", status, reply->value("error-desc", "no reason given")));
    }
    static_cast<void>(qemu_.observer().AwaitLine(kPoll));
  }
  return absl::DeadlineExceededError("the migration does not end");
}

absl::StatusOr<SavingCost> QemuPeer::StopMigrateCont() {
  return Time([&]() -> absl::Status {
    SF_RETURN_IF_ERROR(Run("stop", nullptr));
    SF_RETURN_IF_ERROR(Migrate());
    return Run("cont", nullptr);
  });
}

absl::StatusOr<SavingCost> QemuPeer::BackgroundSnapshot() {
  const auto set = [this](bool on) {
    return Run("migrate-set-capabilities",
               {{"capabilities", {{{"capability", "background-snapshot"}, {"state", on}}}}});
  };
  SF_RETURN_IF_ERROR(set(true));
  auto cost = Time([this] { return Migrate(); });
  SF_RETURN_IF_ERROR(set(false));
  return cost;
}

}  // namespace stillframe::bench
