// Threads that help the capture worker copy, for as long as a pause lasts.
//
// One worker's thread at a time uses a crew (Borrow); the helpers are its own. Parked they cost
// nothing. They are roused before the pause and spin until Rest, because a thread that is woken
// inside it comes when much of the copy is done.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "capture/numa.h"

namespace stillframe {

// Work in numbered parts that any thread may do, in any order.
class SharedWork {
 public:
  virtual ~SharedWork() = default;

  // Neither allocates, logs nor waits.
  virtual void Do(std::uint32_t part) = 0;
};

class CopyCrew {
 public:
  // 0 helpers: all work is the caller's. `numa` null: helpers run anywhere.
  explicit CopyCrew(unsigned helpers, std::shared_ptr<const NumaHost> numa = nullptr);
  ~CopyCrew();
  CopyCrew(const CopyCrew&) = delete;
  CopyCrew& operator=(const CopyCrew&) = delete;

  unsigned helpers() const { return static_cast<unsigned>(threads_.size()); }

  // The crew for one window; `crew()` is null when somebody else has it, or it has no helpers.
  // Wakes the helpers and gives them a fraction of a millisecond to arrive: at processors of `node`
  // if it has enough for all and the borrower. They park again when this goes.
  class Borrow {
   public:
    explicit Borrow(CopyCrew* crew, NodeNumber node = kAnyNode);
    ~Borrow();
    Borrow(const Borrow&) = delete;
    Borrow& operator=(const Borrow&) = delete;
    CopyCrew* crew() const { return crew_; }

   private:
    CopyCrew* crew_ = nullptr;
  };

  // Does parts [0, parts) of `work` with whatever helpers are there; returns when all are done.
  // Waits for no helper but one that is in the middle of a part. Between Borrow and its end only;
  // usable in the pause window.
  void Run(SharedWork& work, std::uint32_t parts);

  // Page faults that helpers took in Run since the last call.
  std::uint64_t TakePageFaults() { return page_faults_.exchange(0); }

 private:
  void Rouse(NodeNumber node) ABSL_LOCKS_EXCLUDED(mu_);
  void Rest() { roused_ = false; }
  void Serve() ABSL_LOCKS_EXCLUDED(mu_);
  bool AwaitRouse(NodeNumber& node) ABSL_LOCKS_EXCLUDED(mu_);
  void DoParts();

  const std::shared_ptr<const NumaHost> numa_;
  std::atomic<bool> borrowed_{false};
  std::atomic<bool> roused_{false};
  std::atomic<unsigned> ready_{0};  // helpers that spin

  // The work at hand; the helpers look at it while `open_`.
  SharedWork* work_ = nullptr;
  std::uint32_t parts_ = 0;
  std::atomic<std::uint64_t> open_{0};  // the number of this work; 0: none
  std::uint64_t works_ = 0;
  std::atomic<std::uint32_t> next_{0};
  std::atomic<unsigned> inside_{0};  // helpers that may look
  std::atomic<std::uint64_t> page_faults_{0};

  Mutex mu_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  NodeNumber node_ ABSL_GUARDED_BY(mu_) = kAnyNode;  // where to serve

  std::vector<std::thread> threads_;  // last: start when all else stands
};

}  // namespace stillframe
