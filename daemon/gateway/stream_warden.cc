#include "gateway/stream_warden.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace stillframe {

StreamWarden::Ticket::Ticket(std::shared_ptr<StreamWarden> warden, Stream& stream)
    : warden_(std::move(warden)),
      deadline_ns_(std::make_shared<std::atomic<std::uint64_t>>(0)),
      id_(warden_->Add(stream, deadline_ns_)) {}

StreamWarden::Ticket::~Ticket() { warden_->Remove(id_); }

void StreamWarden::Ticket::Arm() {
  // Releases the stream as it is now to the warden's thread, which may call it from here on.
  deadline_ns_->store(warden_->clock_.MonotonicNs() + warden_->stall_ns_max_,
                      std::memory_order_release);
}

void StreamWarden::Ticket::Disarm() { deadline_ns_->store(0, std::memory_order_relaxed); }

StreamWarden::StreamWarden(std::uint64_t stall_ms_max, const Clock& clock)
    : stall_ns_max_(stall_ms_max * 1'000'000), clock_(clock), thread_([this] { Run(); }) {}

StreamWarden::~StreamWarden() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void StreamWarden::RequestTurn(StreamId id) {
  MutexLock lock(mu_);
  const auto found = streams_.find(id);
  if (found == streams_.end() || found->second.has_turn) return;
  found->second.has_turn = true;
  turns_.push_back(id);
  changed_.NotifyAll();
}

void StreamWarden::RequestTurns() {
  MutexLock lock(mu_);
  for (auto& [id, entry] : streams_) {
    if (!std::exchange(entry.has_turn, true)) turns_.push_back(id);
  }
  changed_.NotifyAll();
}

StreamWarden::StreamId StreamWarden::Add(Stream& stream,
                                         std::shared_ptr<std::atomic<std::uint64_t>> deadline_ns) {
  MutexLock lock(mu_);
  const StreamId id = next_id_++;
  streams_[id] = {&stream, std::move(deadline_ns), false};
  if (streams_.size() == 1) changed_.NotifyAll();
  return id;
}

void StreamWarden::Remove(StreamId id) {
  MutexLock lock(mu_);
  streams_.erase(id);
  while (calling_ == id && std::this_thread::get_id() != thread_.get_id()) changed_.Wait(mu_);
}

void StreamWarden::Call(StreamId id, Stream& stream, void (Stream::*member)()) {
  calling_ = id;
  mu_.Unlock();
  (stream.*member)();
  mu_.Lock();
  calling_ = 0;
  changed_.NotifyAll();
}

void StreamWarden::CancelStalled(std::uint64_t now_ns) {
  std::vector<StreamId> stalled;
  for (const auto& [id, entry] : streams_) {
    const std::uint64_t deadline_ns = entry.deadline_ns->load(std::memory_order_acquire);
    if (deadline_ns != 0 && deadline_ns <= now_ns) stalled.push_back(id);
  }
  for (const StreamId id : stalled) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) continue;
    found->second.deadline_ns->store(0, std::memory_order_relaxed);
    stalls_.fetch_add(1, std::memory_order_relaxed);
    Call(id, *found->second.stream, &Stream::OnStall);
  }
}

void StreamWarden::GiveTurns() {
  for (std::size_t left = turns_.size(); left > 0; --left) {
    const StreamId id = turns_.front();
    turns_.pop_front();
    const auto found = streams_.find(id);
    if (found == streams_.end()) continue;
    found->second.has_turn = false;
    Call(id, *found->second.stream, &Stream::OnTurn);
  }
}

void StreamWarden::Run() {
  // Late by a quarter of the bound at the most; an armed deadline costs its stream no lock.
  const std::uint64_t nap_ns = std::clamp<std::uint64_t>(stall_ns_max_ / 4, 1'000'000, 500'000'000);
  std::uint64_t next_look_ns = 0;
  MutexLock lock(mu_);
  while (!stopping_) {
    if (turns_.empty() && streams_.empty()) {
      changed_.Wait(mu_);
    } else if (turns_.empty()) {
      changed_.WaitFor(mu_, std::chrono::nanoseconds(nap_ns));
    }
    if (stopping_) return;
    GiveTurns();
    const std::uint64_t now_ns = clock_.MonotonicNs();
    if (now_ns < next_look_ns) continue;
    next_look_ns = now_ns + nap_ns;
    CancelStalled(now_ns);
  }
}

}  // namespace stillframe
