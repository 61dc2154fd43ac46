#include "local/arena_cache.h"

#include <vector>

#include "base/status.h"

namespace stillframe {

absl::StatusOr<std::shared_ptr<MappedArena>> ArenaCache::Get(const std::string& guest,
                                                             std::uint64_t arena,
                                                             std::uint64_t segment_bytes) {
  std::shared_ptr<MappedArena> left_behind;  // unmapped without the lock
  MutexLock lock(mu_);
  Entry& entry = by_guest_[guest];
  entry.used = Now();
  if (entry.mapped != nullptr && entry.arena == arena &&
      entry.mapped->segment_bytes() == segment_bytes) {
    return entry.mapped;
  }
  left_behind = std::move(entry.mapped);
  auto mapped = MappedArena::Create(segment_bytes);
  if (!mapped.ok()) {
    by_guest_.erase(guest);
    return mapped.status();
  }
  entry.arena = arena;
  entry.mapped = *std::move(mapped);
  return entry.mapped;
}

void ArenaCache::DropIdle(TimePoint now) {
  std::vector<std::shared_ptr<MappedArena>> idle;  // unmapped without the lock
  MutexLock lock(mu_);
  for (auto it = by_guest_.begin(); it != by_guest_.end();) {
    Entry& entry = it->second;
    if (entry.mapped.use_count() > 1) entry.used = now;
    if (now - entry.used < kIdleMax) {
      ++it;
      continue;
    }
    idle.push_back(std::move(entry.mapped));
    it = by_guest_.erase(it);
  }
}

}  // namespace stillframe
