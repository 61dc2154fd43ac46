// What people and scripts write on command lines.
#include "base/uuid.h"
#include "fuzz/support/fuzz_input.h"
#include "fuzz/support/fuzz_target.h"
#include "local/socket_address.h"
#include "selector.h"
#include "target.h"

using namespace stillframe;
using namespace stillframe::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  if (const auto name = cli::ParseSnapshotName(text); name.ok()) {
    Require(!name->guest.empty(), "a snapshot's name names a guest");
  }
  static_cast<void>(cli::ParseGeneration(text));
  const auto address = cli::ParseAddress(text);
  const auto bytes_of = cli::ParseSize(text);
  if (address.ok()) Require(bytes_of.ok() && *bytes_of == *address, "an address is a size too");
  static_cast<void>(Target::Parse(text));
  static_cast<void>(UnixAddress(text));
  if (const auto uuid = Uuid::Parse(text)) {
    Require(Uuid::Parse(uuid->ToString()) == uuid, "a UUID reads as it was printed");
  }
  return 0;
}

namespace stillframe::fuzz {

std::vector<std::string> Seeds() {
  return {"web1",
          "web1@7",
          "a@b@latest",
          "@",
          "web1@18446744073709551616",
          "latest",
          "0x7fffffffffffffff",
          "0xffffffffffffffff",
          "18446744073709551615G",
          "64KiB",
          "-1",
          "unix:/run/stillframe/gateway.sock",
          "127.0.0.1:50051",
          "local:/run/stillframe/stillframed.sock",
          "[::1]:1",
          std::string(108, 'p'),
          "123e4567-e89b-12d3-a456-426614174000",
          ""};
}

}  // namespace stillframe::fuzz
