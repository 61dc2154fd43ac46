// Who is at the other end of a call.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "access/principal.h"

namespace stillframe {

struct Caller {
  Principal principal;
  std::string peer;  // for people and the audit log: "ipv4:10.0.0.7:41002", "unix:pid=812,uid=0"
  std::string certificate_chain;  // PEM; empty: none was shown
};

}  // namespace stillframe
