// All that a process which shares nothing else with the daemon needs to resume a guest.
//
// Trivially copyable and of fixed size: it lives in shared memory and survives crashes. A reader
// must not trust the bytes: `address` may lack its terminator.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/uuid.h"

namespace stillframe {

enum class Backend : std::uint32_t { kNone = 0, kSim = 1, kQemu = 2, kXen = 3 };

std::string_view NameOf(Backend backend);

struct ResumeTicket {
  Backend backend = Backend::kNone;
  std::uint32_t connection = 0;  // grows when resume_fd() of the guest became another one
  std::uint64_t instance = 0;    // pid or domain id: a successor at `address` is not this guest
  GuestId guest;
  std::array<char, 112> address{};  // socket path where the backend has one

  void SetAddress(std::string_view text);
  std::string Address() const;
  friend bool operator==(const ResumeTicket&, const ResumeTicket&) = default;
};

}  // namespace stillframe
