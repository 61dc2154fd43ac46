// What is written about one call when it ends.
#pragma once

#include <cstdint>
#include <string>

namespace stillframe {

struct AuditRecord {
  std::uint64_t wall_time_ns = 0;  // when the call began, since the Unix epoch
  std::uint64_t duration_us = 0;
  std::string principal;  // empty: could not be told
  std::string peer;       // address, or process and user behind a unix socket
  std::string method;     // "MemoryService/ReadPages"
  std::string guest_uuid;
  std::string guest_name;  // as the caller named it where it was not found
  std::string epoch;
  std::uint64_t generation = 0;
  std::string ranges;       // "0x100+16,0x800+1": first gfn and pages, at most 16; "all"
  std::uint64_t bytes = 0;  // of guest memory that were sent
  std::string code = "OK";  // canonical
  std::string reason;       // of the error
  std::string message;

  // One line of JSON without its end; empty fields are left out.
  std::string ToJson() const;

  // "dns:mon1 MemoryService/ReadPages web1@7 4194304 bytes OK"
  std::string ToText() const;
};

}  // namespace stillframe
