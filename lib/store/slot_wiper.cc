#include "store/slot_wiper.h"

#include <cstring>
#include <utility>

namespace stillframe {

SlotWiper::SlotWiper(MemoryOf memory_of, Wiped wiped)
    : memory_of_(std::move(memory_of)), wiped_(std::move(wiped)), thread_([this] { Run(); }) {}

SlotWiper::~SlotWiper() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
  }
  wake_.NotifyOne();
  thread_.join();
}

void SlotWiper::Add(SlotRun run) {
  {
    MutexLock lock(mu_);
    waiting_.push_back(run);
  }
  wake_.NotifyOne();
}

void SlotWiper::Run() {
  std::vector<SlotRun> runs;
  for (;;) {
    {
      MutexLock lock(mu_);
      while (waiting_.empty() && !stopping_) wake_.Wait(mu_);
      if (stopping_) return;
      runs = std::exchange(waiting_, {});
    }
    for (const SlotRun& run : runs) {
      const std::span<std::byte> memory = memory_of_(run);
      std::memset(memory.data(), 0, memory.size());
      wiped_(run);
    }
  }
}

}  // namespace stillframe
