#include "guest/sim/sim_hypervisor.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/status.h"
#include "guest/sim/sim_connection.h"
#include "guest/sim/sim_guest.h"

namespace stillframe {
namespace {

constexpr std::size_t kGuestsMax = 1024;

// Short: one guest that hangs must not keep the others out of the list for long.
constexpr std::chrono::milliseconds kIdentifyTimeout{200};

absl::StatusOr<GuestListing> Identify(const std::string& path) {
  SF_ASSIGN_OR_RETURN(sim::SimConnection connection, sim::SimConnection::Connect(path));
  sim::IdentifyReply reply;
  SF_RETURN_IF_ERROR(connection.CallFor(sim::Request{}, reply, {}, kIdentifyTimeout));
  GuestListing listing;
  listing.identity.id = reply.id;
  listing.identity.name.assign(reply.name.data(), strnlen(reply.name.data(), reply.name.size()));
  listing.identity.backend = Backend::kSim;
  listing.state = reply.operator_paused != 0 ? RunState::kPaused : RunState::kRunning;
  if (reply.id.is_nil() || listing.identity.name.empty()) {
    return absl::DataLossError(fmt::format("simulated guest at {} has no name or id", path));
  }
  return listing;
}

}  // namespace

absl::StatusOr<std::vector<SimHypervisor::Found>> SimHypervisor::Scan() const {
  std::error_code error;
  std::vector<Found> found;
  std::filesystem::directory_iterator entries(directory_, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (entries->path().extension() != sim::kSocketSuffix) continue;
    if (found.size() == kGuestsMax) break;
    const std::string path = entries->path().string();
    absl::StatusOr<GuestListing> listing = Identify(path);
    if (listing.ok()) found.push_back({path, *std::move(listing)});
  }
  // No directory yet means no guest yet.
  if (error && error != std::errc::no_such_file_or_directory) {
    return ErrnoStatus(error.value(), fmt::format("list simulated guests in {}", directory_));
  }
  return found;
}

absl::StatusOr<std::vector<GuestListing>> SimHypervisor::List() {
  SF_ASSIGN_OR_RETURN(std::vector<Found> found, Scan());
  std::vector<GuestListing> listings;
  listings.reserve(found.size());
  for (Found& guest : found) listings.push_back(std::move(guest.listing));
  return listings;
}

absl::StatusOr<std::unique_ptr<Guest>> SimHypervisor::Open(const GuestId& id) {
  SF_ASSIGN_OR_RETURN(std::vector<Found> found, Scan());
  for (const Found& guest : found) {
    if (guest.listing.identity.id == id) return SimGuest::Open(guest.path, guest.listing.identity);
  }
  return absl::NotFoundError(fmt::format("no simulated guest {} in {}", id.ToString(), directory_));
}

}  // namespace stillframe
