#include "capture/copy_crew.h"

#include <chrono>
#include <cstddef>
#include <utility>

#include "base/units.h"
#include "capture/page_faults.h"

namespace stillframe {
namespace {

// A helper that does not get a processor by then comes late, or not at all.
constexpr std::chrono::microseconds kArrivalPatience{300};

// Waits actively, but lets somebody else have the processor now and then: on a machine with fewer
// processors than threads it may be the one that is waited for.
class Spin {
 public:
  void Once() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
    if (++turns_ % 1024 == 0) std::this_thread::yield();
  }

 private:
  unsigned turns_ = 0;
};

// Faults in the stack that parts of work will use.
void TouchStack() {
  volatile std::byte stack[std::size_t{64} << 10];
  for (std::size_t at = 0; at < sizeof stack; at += kPageBytes) stack[at] = std::byte{0};
}

}  // namespace

CopyCrew::CopyCrew(unsigned helpers, std::shared_ptr<const NumaHost> numa)
    : numa_(std::move(numa)) {
  threads_.reserve(helpers);
  for (unsigned i = 0; i < helpers; ++i) threads_.emplace_back([this] { Serve(); });
}

CopyCrew::~CopyCrew() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    roused_ = false;
  }
  wake_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

CopyCrew::Borrow::Borrow(CopyCrew* crew, NodeNumber node) {
  if (crew == nullptr || crew->helpers() == 0 || crew->borrowed_.exchange(true)) return;
  crew_ = crew;
  crew_->Rouse(node);
}

CopyCrew::Borrow::~Borrow() {
  if (crew_ == nullptr) return;
  crew_->Rest();
  crew_->borrowed_ = false;
}

void CopyCrew::Rouse(NodeNumber node) {
  {
    MutexLock lock(mu_);
    node_ = node;
    roused_ = true;
  }
  wake_.NotifyAll();
  const auto deadline = std::chrono::steady_clock::now() + kArrivalPatience;
  Spin spin;
  while (ready_ < helpers() && std::chrono::steady_clock::now() < deadline) spin.Once();
}

void CopyCrew::Run(SharedWork& work, std::uint32_t parts) {
  work_ = &work;
  parts_ = parts;
  next_ = 0;
  open_ = ++works_;
  DoParts();
  // A helper counts itself before it looks whether there is work, and work is closed before the
  // count is read: none can slip in between.
  open_ = 0;
  Spin spin;
  while (inside_ != 0) spin.Once();
}

void CopyCrew::DoParts() {
  for (std::uint32_t part = next_++; part < parts_; part = next_++) work_->Do(part);
}

bool CopyCrew::AwaitRouse(NodeNumber& node) {
  MutexLock lock(mu_);
  while (!roused_ && !stopping_) wake_.Wait(mu_);
  node = node_;
  return !stopping_;
}

void CopyCrew::Serve() {
  TouchStack();
  std::uint64_t served = 0;
  NodeNumber here = kAnyNode;
  NodeNumber wanted = kAnyNode;
  while (AwaitRouse(wanted)) {
    if (numa_ != nullptr && wanted != here) {
      numa_->RunOn(wanted, helpers() + 1);
      here = wanted;
    }
    ++ready_;
    Spin spin;
    while (roused_) {
      const std::uint64_t work = open_;
      if (work == 0 || work == served) {
        spin.Once();
        continue;
      }
      const std::uint64_t faults_before = ThreadPageFaults();
      ++inside_;
      if (open_ == work) DoParts();
      page_faults_ += ThreadPageFaults() - faults_before;
      --inside_;
      served = work;
    }
    --ready_;
  }
}

}  // namespace stillframe
