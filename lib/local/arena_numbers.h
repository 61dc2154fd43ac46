// Numbers by which readers tell arenas apart; never reused, unlike addresses.
//
// Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "store/arena.h"

namespace stillframe {

class ArenaNumbers {
 public:
  std::uint64_t NumberOf(const std::shared_ptr<Arena>& arena) {
    std::erase_if(known_, [](const auto& entry) { return entry.second.arena.expired(); });
    const auto [found, fresh] = known_.try_emplace(arena.get(), Entry{arena, next_});
    if (fresh) ++next_;
    return found->second.number;
  }

 private:
  struct Entry {
    std::weak_ptr<Arena> arena;
    std::uint64_t number = 0;
  };
  std::map<const Arena*, Entry> known_;
  std::uint64_t next_ = 1;
};

}  // namespace stillframe
