#include "capture/fleet.h"

#include <fmt/format.h>
#include <poll.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "base/status.h"

namespace stillframe {
namespace {

bool IsReadable(int fd) {
  pollfd event{fd, POLLIN, 0};
  return fd >= 0 && poll(&event, 1, 0) > 0;
}

}  // namespace

Fleet::Fleet(std::vector<std::unique_ptr<Hypervisor>> hypervisors, WorkerContext context,
             std::function<GuestPolicy(const GuestIdentity&)> policy_for)
    : hypervisors_(std::move(hypervisors)),
      context_(std::move(context)),
      policy_for_(std::move(policy_for)) {}

Fleet::~Fleet() = default;

void Fleet::Discover() {
  std::set<GuestId> seen;
  std::set<Backend> unlisted;
  for (const auto& hypervisor : hypervisors_) {
    const bool told = IsReadable(hypervisor->change_fd());
    const auto listings = hypervisor->List();
    if (!listings.ok()) {
      spdlog::warn("list guests of {}: {}", NameOf(hypervisor->backend()),
                   MessageOf(listings.status()));
      unlisted.insert(hypervisor->backend());
      continue;
    }
    for (const GuestListing& listing : *listings) {
      if (!seen.insert(listing.identity.id).second) {
        spdlog::warn("guest {} of {} has the UUID of another guest: ignored", listing.identity.name,
                     NameOf(listing.identity.backend));
        continue;
      }
      Admit(*hypervisor, listing, told);
    }
  }
  auto dropped = DropMissing(seen, unlisted);
  for (std::shared_ptr<Worker>& worker : dropped) {
    SnapshotEvent event;
    event.kind = SnapshotEvent::Kind::kGuestGone;
    event.guest = worker->identity();
    if (const auto store = worker->store(); store != nullptr) event.epoch = store->epoch();
    worker.reset();  // joins: its last events come before this one
    context_.events.Append(std::move(event));
  }
}

std::vector<std::shared_ptr<Worker>> Fleet::DropMissing(const std::set<GuestId>& seen,
                                                        const std::set<Backend>& unlisted) {
  std::vector<std::shared_ptr<Worker>> dropped;
  MutexLock lock(mu_);
  for (auto it = members_.begin(); it != members_.end();) {
    const bool gone = !seen.contains(it->first) && !unlisted.contains(it->second.identity.backend);
    if (!gone) {
      ++it;
      continue;
    }
    if (it->second.worker != nullptr && !it->second.worker->finished()) {
      dropped.push_back(it->second.worker);
    }
    it = members_.erase(it);
  }
  return dropped;
}

std::vector<int> Fleet::change_fds() const {
  std::vector<int> fds;
  for (const auto& hypervisor : hypervisors_) {
    if (const int fd = hypervisor->change_fd(); fd >= 0) fds.push_back(fd);
  }
  return fds;
}

void Fleet::Admit(Hypervisor& hypervisor, const GuestListing& listing, bool told) {
  std::shared_ptr<Worker> finished;
  {
    MutexLock lock(mu_);
    Member& member = members_[listing.identity.id];
    member.identity = listing.identity;
    member.state = listing.state;
    if (member.worker != nullptr && !member.worker->finished()) {
      if (told) member.worker->LookAgain();
      return;
    }
    finished = std::move(member.worker);
    member.worker = nullptr;
    member.unreadable = listing.readable;
    if (!listing.readable.ok()) return;
  }
  finished.reset();
  const GuestPolicy policy = policy_for_(listing.identity);
  absl::Status unreadable = absl::OkStatus();
  std::shared_ptr<Worker> worker;
  if (!policy.capture) {
    unreadable = absl::FailedPreconditionError("the configuration says capture = false");
  } else if (auto guest = hypervisor.Open(listing.identity.id); guest.ok()) {
    worker = std::make_shared<Worker>(*std::move(guest), policy.policy, context_);
  } else {
    unreadable = guest.status();
  }
  MutexLock lock(mu_);
  Member& member = members_[listing.identity.id];
  member.unreadable = unreadable;
  member.worker = std::move(worker);
}

std::vector<Fleet::Member> Fleet::Members() const {
  std::vector<Member> members;
  {
    MutexLock lock(mu_);
    for (const auto& [id, member] : members_) members.push_back(member);
  }
  std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
    return std::tie(a.identity.name, a.identity.id) < std::tie(b.identity.name, b.identity.id);
  });
  return members;
}

std::uint64_t Fleet::OldestProgressNs(std::uint64_t now_ns) const {
  MutexLock lock(mu_);
  std::uint64_t oldest_ns = now_ns;
  for (const auto& [id, member] : members_) {
    if (member.worker == nullptr || member.worker->finished()) continue;
    oldest_ns = std::min(oldest_ns, member.worker->last_progress_ns());
  }
  return oldest_ns;
}

}  // namespace stillframe
