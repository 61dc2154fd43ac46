// One thread that watches over all streams: it cancels those whose reader takes nothing, and gives
// a turn to those that waited for one.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"

namespace stillframe {

class StreamWarden {
 public:
  using StreamId = std::uint64_t;

  // What is watched over. Called on the warden's thread, one at a time; must not block.
  class Stream {
   public:
    virtual void OnStall() = 0;
    virtual void OnTurn() = 0;

   protected:
    ~Stream() = default;
  };

  // A stream's place here. Once it is destroyed, the stream is not called any more.
  class Ticket {
   public:
    Ticket(std::shared_ptr<StreamWarden> warden, Stream& stream);
    ~Ticket();
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

    StreamId id() const { return id_; }

    // From now on the reader has to take something within the bound; until Disarm.
    void Arm();
    void Disarm();

    void RequestTurn() { warden_->RequestTurn(id_); }

   private:
    const std::shared_ptr<StreamWarden> warden_;
    const std::shared_ptr<std::atomic<std::uint64_t>> deadline_ns_;
    const StreamId id_;
  };

  StreamWarden(std::uint64_t stall_ms_max, const Clock& clock);
  ~StreamWarden();

  // Calls OnTurn soon, unless that stream is gone. Never blocks for long.
  void RequestTurn(StreamId id) ABSL_LOCKS_EXCLUDED(mu_);

  // Calls OnTurn of every stream soon: something changed that concerns them all.
  void RequestTurns() ABSL_LOCKS_EXCLUDED(mu_);

  // Streams cancelled because their reader took nothing.
  std::uint64_t stalls() const { return stalls_.load(std::memory_order_relaxed); }

 private:
  struct Entry {
    Stream* stream = nullptr;
    std::shared_ptr<std::atomic<std::uint64_t>> deadline_ns;  // 0: not armed
    bool has_turn = false;
  };

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  StreamId Add(Stream& stream, std::shared_ptr<std::atomic<std::uint64_t>> deadline_ns)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(StreamId id) ABSL_LOCKS_EXCLUDED(mu_);
  void CancelStalled(std::uint64_t now_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void GiveTurns() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Call(StreamId id, Stream& stream, void (Stream::*member)())
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::uint64_t stall_ns_max_;
  const Clock& clock_;
  std::atomic<std::uint64_t> stalls_{0};

  Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  StreamId next_id_ ABSL_GUARDED_BY(mu_) = 1;
  StreamId calling_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<StreamId, Entry> streams_ ABSL_GUARDED_BY(mu_);
  std::deque<StreamId> turns_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace stillframe
