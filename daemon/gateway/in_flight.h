// Bytes of snapshots that were handed to gRPC and not let go yet.
//
// Thread-safe. A stream at a bound waits for a turn (stream_warden.h) instead of being refused:
// its reader sees nothing but flow control.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "gateway/stream_warden.h"
#include "local/pinned_snapshot.h"

namespace stillframe {

// A bound over streams: over all of them, or over some within that.
class ByteBudget {
 public:
  ByteBudget(std::uint64_t bytes_max, std::shared_ptr<StreamWarden> warden)
      : bytes_max_(bytes_max), warden_(std::move(warden)) {}
  ByteBudget(std::uint64_t bytes_max, std::shared_ptr<ByteBudget> within)
      : bytes_max_(bytes_max), warden_(within->warden_), within_(std::move(within)) {}

  // False: `waiter` gets a turn once some came back. More than the bound is given to one alone.
  bool Take(std::uint64_t bytes, StreamWarden::StreamId waiter) ABSL_LOCKS_EXCLUDED(mu_);
  void Return(std::uint64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);

  std::uint64_t bytes() const ABSL_LOCKS_EXCLUDED(mu_);
  StreamWarden& warden() const { return *warden_; }

 private:
  bool TakeHere(std::uint64_t bytes, StreamWarden::StreamId waiter) ABSL_LOCKS_EXCLUDED(mu_);
  void ReturnHere(std::uint64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);

  const std::uint64_t bytes_max_;
  const std::shared_ptr<StreamWarden> warden_;
  const std::shared_ptr<ByteBudget> within_;  // may be null
  mutable Mutex mu_;
  std::uint64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<StreamWarden::StreamId> waiters_ ABSL_GUARDED_BY(mu_);
};

// One stream's share. Outlives the stream for as long as gRPC holds bytes, and keeps the snapshot
// pinned until then.
class InFlight : public std::enable_shared_from_this<InFlight> {
 public:
  InFlight(std::shared_ptr<ByteBudget> budget, std::shared_ptr<PinnedSnapshot> snapshot,
           std::uint64_t bytes_max, StreamWarden::StreamId stream)
      : budget_(std::move(budget)),
        snapshot_(std::move(snapshot)),
        bytes_max_(bytes_max),
        stream_(stream) {}

  // A group of slices that are let go one by one, in any order, on any thread.
  class Hold {
   public:
    // What every slice's destroy callback calls, with the Hold.
    static void Release(void* hold);

   private:
    friend class InFlight;
    Hold(std::shared_ptr<InFlight> owner, std::uint64_t bytes, std::size_t slices)
        : owner_(std::move(owner)), bytes_(bytes), slices_left_(slices) {}

    const std::shared_ptr<InFlight> owner_;
    const std::uint64_t bytes_;
    std::atomic<std::size_t> slices_left_;
  };

  // Room for a message of `slices` slices; it goes when the last one was released. Null: at a
  // bound; the stream gets a turn later.
  Hold* Take(std::uint64_t bytes, std::size_t slices);

  // True when gRPC let go of everything: the bytes are out of the mapped memory. Else the stream
  // gets a turn later.
  bool Drained();

  // Whether the stream waits for a turn because its own reader is behind, rather than others.
  bool waits_for_reader() const { return waiting_.load(); }

  const PinnedSnapshot& snapshot() const { return *snapshot_; }

 private:
  void Return(std::uint64_t bytes);

  const std::shared_ptr<ByteBudget> budget_;
  const std::shared_ptr<PinnedSnapshot> snapshot_;
  const std::uint64_t bytes_max_;
  const StreamWarden::StreamId stream_;
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<bool> waiting_{false};
};

}  // namespace stillframe
