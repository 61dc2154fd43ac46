// Copies a running guest's memory without pausing it, as tools without snapshots do, and tells how
// many of the copies are torn. The counterpart of `stillframe verify` in the demonstration.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "guest/backends/backends.h"
#include "introspect/torn_pages.h"

namespace stillframe {
namespace {

struct LiveGuest {
  std::unique_ptr<Hypervisor> hypervisor;
  std::unique_ptr<Guest> guest;
};

// The guest of that name; any when it is empty.
absl::StatusOr<LiveGuest> OpenGuest(const BackendOptions& options, const std::string& name) {
  for (auto& hypervisor : OpenHypervisors(options)) {
    SF_ASSIGN_OR_RETURN(const auto listings, hypervisor->List());
    for (const GuestListing& listing : listings) {
      if (!name.empty() && listing.identity.name != name) continue;
      if (!listing.readable.ok()) return listing.readable;
      SF_ASSIGN_OR_RETURN(auto guest, hypervisor->Open(listing.identity.id));
      return LiveGuest{std::move(hypervisor), std::move(guest)};
    }
  }
  return absl::NotFoundError("no guest found");
}

absl::StatusOr<TornVerdict> CopyAndJudge(Guest& guest, const GuestView& view,
                                         std::vector<std::byte>& copy) {
  PageBitmap resident(view.map.page_count());
  for (const MappedExtent& extent : view.extents) resident.SetRange(extent.range);
  SF_RETURN_IF_ERROR(guest.FilterResident(resident));
  copy.resize(resident.Count() << kPageShift);
  std::size_t at = 0;
  for (const MappedExtent& extent : view.extents) {
    resident.ForEachRun(extent.range, [&](GfnRange run) {
      const std::size_t offset = (run.first.value - extent.range.first.value) << kPageShift;
      std::memcpy(copy.data() + at, extent.at + offset, run.bytes());
      at += run.bytes();
    });
  }
  return CheckTornPages([&copy](const PageVisitor& visit) {
    for (std::size_t page = 0; page < copy.size(); page += kPageBytes) {
      SF_RETURN_IF_ERROR(visit(std::span<const std::byte, kPageBytes>(&copy[page], kPageBytes)));
    }
    return absl::OkStatus();
  });
}

absl::Status Run(const BackendOptions& options, const std::string& name, int copies,
                 bool until_torn) {
  SF_ASSIGN_OR_RETURN(const LiveGuest live, OpenGuest(options, name));
  SF_ASSIGN_OR_RETURN(const auto view, live.guest->Refresh());
  std::vector<std::byte> copy;
  int made = 0;
  int torn = 0;
  std::string example;
  while (made < copies && !(until_torn && torn > 0)) {
    SF_ASSIGN_OR_RETURN(const TornVerdict verdict, CopyAndJudge(*live.guest, *view, copy));
    ++made;
    if (verdict.consistent) continue;
    ++torn;
    example = verdict.reason;
  }
  fmt::print("{} of {} live copies are torn", torn, made);
  if (torn > 0) fmt::print("; the last one: {}", example);
  fmt::print("\n");
  return absl::OkStatus();
}

}  // namespace
}  // namespace stillframe

int main(int argc, char** argv) {
  CLI::App app{"Copies a running guest's memory without pausing it and counts torn copies."};
  stillframe::BackendOptions options;
  std::string qmp, xen;
  int copies = 20;
  bool until_torn = false;
  app.add_option("--sim-directory", options.sim_directory, "Directory of simulated guests");
  app.add_option("--qmp", qmp, "QMP socket of a QEMU guest");
  app.add_option("--xen", xen, "Name of a guest of the Xen that this dom0 runs on");
  app.add_option("--copies", copies, "How many copies to make")->capture_default_str();
  app.add_flag("--until-torn", until_torn, "End with the first torn copy");
  CLI11_PARSE(app, argc, argv);
  if (!qmp.empty()) options.qemu_qmp_globs = {qmp};
  if (!xen.empty()) options.xen = stillframe::XenUse::kAlways;
  const absl::Status ran = stillframe::Run(options, xen, copies, until_torn);
  if (ran.ok()) return 0;
  fmt::print(stderr, "live-copy: {}\n", stillframe::MessageOf(ran));
  return 1;
}
