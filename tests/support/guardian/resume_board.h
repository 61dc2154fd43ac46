// A fake hypervisor's resume calls, recorded in a file that all processes of a test map.
//
// Thread-safe. Guests are numbered by ResumeTicket::instance, below kGuests.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/mapping.h"
#include "guest/hypervisor.h"

namespace stillframe::testing {

struct BoardEntry {
  std::atomic<std::uint32_t> attempts;  // resume calls
  std::atomic<std::uint32_t> resumes;   // those that succeeded
  std::atomic<std::uint32_t> by_fd;     // those that succeeded through a descriptor
  std::atomic<std::uint32_t> failures;  // that many calls fail with UNAVAILABLE
  std::atomic<std::uint32_t> gone;      // nonzero: NOT_FOUND
  std::atomic<std::uint64_t> resumed_ns;
};

class ResumeBoard {
 public:
  static constexpr std::size_t kGuests = 16;

  // Creates the file, or maps it where it is there.
  static ResumeBoard AtPath(const std::string& path);

  BoardEntry& guest(std::size_t index) {
    return reinterpret_cast<BoardEntry*>(mapping_.data())[index];
  }

  // Nonzero: a guardian that starts exits at once.
  std::atomic<std::uint32_t>& guardians_barred() {
    return *reinterpret_cast<std::atomic<std::uint32_t>*>(mapping_.data() + kBarredOffset);
  }

 private:
  static constexpr std::size_t kBarredOffset = 2048;

  explicit ResumeBoard(Mapping mapping) : mapping_(std::move(mapping)) {}
  Mapping mapping_;
};

// Resumes guests of the board, as the sim backend, which must outlive it.
std::unique_ptr<GuestResumer> MakeBoardResumer(ResumeBoard& board);

// The ticket of guest `index`.
ResumeTicket BoardTicket(std::size_t index);

}  // namespace stillframe::testing
