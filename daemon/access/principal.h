// Who makes a call, as its transport proved it, and the patterns by which a policy names them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace stillframe {

struct Principal {
  // One of
  //   spiffe://DOMAIN/PATH   the URI SAN of a client certificate
  //   dns:NAME               its first DNS SAN, where it has no such URI
  //   user:NAME              the user behind a unix socket (SO_PEERCRED)
  //   anonymous              whoever connects to a loopback port without TLS
  std::string name;

  // Of users: the number, and the groups by name and number ("user:1000", "group:adm", "group:4").
  std::vector<std::string> aliases;

  static Principal Anonymous() { return {"anonymous", {}}; }

  // Whether `pattern` names it; * ? and [...] match as in file names, also over slashes.
  bool Matches(const std::string& pattern) const;
};

// INVALID_ARGUMENT: no name that a principal or a group can have. Says what is accepted.
absl::Status CheckPrincipalPattern(std::string_view pattern);

}  // namespace stillframe
