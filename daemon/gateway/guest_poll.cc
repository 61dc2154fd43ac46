#include "gateway/guest_poll.h"

#include <utility>

namespace stillframe {

GuestPoll::GuestPoll(DaemonLink& link, std::chrono::milliseconds period,
                     std::function<void(const Result&)> on_result)
    : link_(link), period_(period), on_result_(std::move(on_result)), thread_([this] { Run(); }) {}

GuestPoll::~GuestPoll() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

GuestPoll::Result GuestPoll::result() const {
  MutexLock lock(mu_);
  return result_;
}

GuestPoll::Result GuestPoll::Look() {
  Result result;
  const auto guests = link_.ListGuests();
  if (!guests.ok()) return result;
  result.daemon_there = true;
  result.guests = guests->size();
  for (const v1::Guest& guest : *guests) {
    if (!guest.unreadable_reason().empty()) continue;
    ++result.captured;
    if (!guest.statistics().last_error().empty()) ++result.failing;
  }
  return result;
}

void GuestPoll::Run() {
  while (true) {
    const Result result = Look();
    {
      MutexLock lock(mu_);
      result_ = result;
    }
    on_result_(result);
    const auto next = std::chrono::steady_clock::now() + period_;
    MutexLock lock(mu_);
    while (!stopping_) {
      const auto left = next - std::chrono::steady_clock::now();
      if (left.count() <= 0) break;
      changed_.WaitFor(mu_, left);
    }
    if (stopping_) return;
  }
}

}  // namespace stillframe
