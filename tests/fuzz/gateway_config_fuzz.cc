// gateway.toml, and the addresses in it.
#include "config/gateway_config.h"
#include "config/listen_address.h"
#include "fuzz/support/config_text.h"

using namespace stillframe;
using namespace stillframe::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (const auto address = ParseListenAddress(text); address.ok()) {
    Require(ParseListenAddress(address->ToString()).ok(), "an address reads as it was printed");
  }
  const auto config = ParseGatewayConfig(text, "fuzz.toml");
  if (!config.ok()) {
    RequireOneLine(config.status(), "fuzz.toml:");
    return 0;
  }
  Require(!config->gateway.listen.empty(), "an accepted gateway listens somewhere");
  Require(config->limits.chunk_bytes_max <= config->limits.inflight_bytes_per_stream_max,
          "a chunk fits what may be in flight");
  return 0;
}

namespace stillframe::fuzz {

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds = ConfigSeeds();
  seeds.emplace_back("[gateway]\nlisten = [\"unix:/run/g\", \"[::1]:50051\"]\n");
  seeds.emplace_back("[limits]\npins_max = 18446744073709551616\nstreams_max = -1\n");
  for (const char* address : {"unix:/run/g.sock", "127.0.0.1:50051", "[::1]:65535", "localhost:0",
                              "unix:", "127.0.0.1:99999999999999999999", "[::1", ":"}) {
    seeds.emplace_back(address);
  }
  return seeds;
}

}  // namespace stillframe::fuzz
