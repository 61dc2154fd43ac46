#include "guest/resume_ticket.h"

#include <algorithm>
#include <cstring>

namespace stillframe {

std::string_view NameOf(Backend backend) {
  switch (backend) {
    case Backend::kNone:
      return "none";
    case Backend::kSim:
      return "sim";
    case Backend::kQemu:
      return "qemu";
    case Backend::kXen:
      return "xen";
  }
  return "unknown";
}

void ResumeTicket::SetAddress(std::string_view text) {
  address.fill('\0');
  std::memcpy(address.data(), text.data(), std::min(text.size(), address.size() - 1));
}

std::string ResumeTicket::Address() const {
  return std::string(address.data(), strnlen(address.data(), address.size()));
}

}  // namespace stillframe
