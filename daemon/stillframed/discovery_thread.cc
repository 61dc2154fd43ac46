#include "stillframed/discovery_thread.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vector>

namespace stillframe {
namespace {

// Toolstacks announce a guest in several steps; one look serves them all.
constexpr std::chrono::milliseconds kSettling{20};

// Whether one of them was readable before the time-out.
bool Readable(std::vector<pollfd>& events, std::chrono::milliseconds timeout) {
  return poll(events.data(), events.size(), static_cast<int>(timeout.count())) > 0;
}

}  // namespace

DiscoveryThread::DiscoveryThread(Fleet& fleet, std::chrono::milliseconds period)
    : fleet_(fleet), period_(period), wake_(eventfd(0, EFD_CLOEXEC)), thread_([this] { Run(); }) {}

DiscoveryThread::~DiscoveryThread() {
  stopping_ = true;
  const std::uint64_t one = 1;
  static_cast<void>(!write(wake_.get(), &one, sizeof one));
  thread_.join();
}

void DiscoveryThread::Run() {
  while (!stopping_) {
    fleet_.Discover();
    AwaitChange();
  }
}

void DiscoveryThread::AwaitChange() {
  std::vector<pollfd> events = {{wake_.get(), POLLIN, 0}};
  if (Readable(events, kSettling)) return;
  for (const int fd : fleet_.change_fds()) events.push_back({fd, POLLIN, 0});
  Readable(events, period_);
}

}  // namespace stillframe
