#include "gateway/in_flight.h"

#include <utility>

namespace stillframe {

bool ByteBudget::TakeHere(std::uint64_t bytes, StreamWarden::StreamId waiter) {
  MutexLock lock(mu_);
  if (bytes_ != 0 && bytes_ + bytes > bytes_max_) {
    waiters_.push_back(waiter);
    return false;
  }
  bytes_ += bytes;
  return true;
}

void ByteBudget::ReturnHere(std::uint64_t bytes) {
  std::vector<StreamWarden::StreamId> waiters;
  {
    MutexLock lock(mu_);
    bytes_ -= bytes;
    waiters.swap(waiters_);
  }
  for (const StreamWarden::StreamId waiter : waiters) warden_->RequestTurn(waiter);
}

bool ByteBudget::Take(std::uint64_t bytes, StreamWarden::StreamId waiter) {
  if (!TakeHere(bytes, waiter)) return false;
  if (within_ == nullptr || within_->Take(bytes, waiter)) return true;
  ReturnHere(bytes);
  return false;
}

void ByteBudget::Return(std::uint64_t bytes) {
  ReturnHere(bytes);
  if (within_ != nullptr) within_->Return(bytes);
}

std::uint64_t ByteBudget::bytes() const {
  MutexLock lock(mu_);
  return bytes_;
}

void InFlight::Hold::Release(void* hold) {
  Hold* const self = static_cast<Hold*>(hold);
  if (self->slices_left_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const std::unique_ptr<Hold> last(self);
  last->owner_->Return(last->bytes_);
}

InFlight::Hold* InFlight::Take(std::uint64_t bytes, std::size_t slices) {
  // Said before looking: a Return in between gives the turn.
  waiting_.store(true);
  const std::uint64_t held = bytes_.load();
  if (held != 0 && held + bytes > bytes_max_) return nullptr;
  waiting_.store(false);
  if (!budget_->Take(bytes, stream_)) return nullptr;
  bytes_.fetch_add(bytes);
  return new Hold(shared_from_this(), bytes, slices);
}

bool InFlight::Drained() {
  waiting_.store(true);
  if (bytes_.load() != 0) return false;
  waiting_.store(false);
  return true;
}

void InFlight::Return(std::uint64_t bytes) {
  bytes_.fetch_sub(bytes);
  budget_->Return(bytes);
  if (waiting_.exchange(false)) budget_->warden().RequestTurn(stream_);
}

}  // namespace stillframe
