// One liveness word per live generation, shared read-only with readers.
//
// A reader copies bytes first and looks at the word afterwards, as with a seqlock: while the word
// equals the generation, its slots had not been recycled. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "base/units.h"

namespace stillframe {

class ControlPage {
 public:
  // Room for `words` generations that are live at once.
  static absl::StatusOr<std::unique_ptr<ControlPage>> Create(std::uint32_t words);

  // Index of a word that now equals `generation`. RESOURCE_EXHAUSTED: all are in use.
  absl::StatusOr<std::uint32_t> Bear(Generation generation) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends it. Stores by this thread after the call are seen by no reader that still finds the
  // generation alive.
  void End(std::uint32_t index) ABSL_LOCKS_EXCLUDED(mu_);

  int fd() const { return fd_.get(); }  // read-only, for readers; borrowed
  std::uint64_t bytes() const { return mapping_.size(); }

 private:
  ControlPage(UniqueFd fd, Mapping mapping, std::uint32_t words);
  std::atomic<std::uint64_t>* word(std::uint32_t index) {
    return reinterpret_cast<std::atomic<std::uint64_t>*>(mapping_.data()) + index;
  }

  UniqueFd fd_;
  Mapping mapping_;
  Mutex mu_;
  std::vector<std::uint32_t> free_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe
