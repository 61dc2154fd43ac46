// stillframed.toml.
#include "config/stillframed_config.h"
#include "fuzz/support/config_text.h"

using namespace stillframe;
using namespace stillframe::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto config = ParseStillframedConfig(text, "fuzz.toml");
  if (!config.ok()) {
    RequireOneLine(config.status(), "fuzz.toml:");
    return 0;
  }
  const GuestPolicy& policy = config->guests.PolicyFor("web1", Uuid::OfName("web1"));
  Require(policy.policy.generations_max >= 1, "a policy that is accepted can be followed");
  return 0;
}

namespace stillframe::fuzz {

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds = ConfigSeeds();
  seeds.emplace_back(
      "[daemon]\nsocket = \"/run/a\"\narena_bytes_max = 1073741824\n[defaults]\nperiod_ms = 0\n"
      "[backends]\nqemu_qmp_globs = [\"/run/*.qmp\"]\n[[guest]]\nmatch = \"web[0-9]*\"\n"
      "capture = false\n[[guest]]\nmatch = \"[\"\n");
  return seeds;
}

}  // namespace stillframe::fuzz
