// policy.toml, and who it lets do what.
#include "access/policy_file.h"
#include "fuzz/support/config_text.h"

using namespace stillframe;
using namespace stillframe::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto policy = ParseAccessPolicy(text, "fuzz.toml");
  if (!policy.ok()) RequireOneLine(policy.status(), "fuzz.toml:");
  return 0;
}

namespace stillframe::fuzz {

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds = ConfigSeeds();
  seeds.emplace_back(
      "[[grant]]\nprincipals = [\"unix:user:root\", \"*\"]\nguests = [\"web*\", \"[\"]\n"
      "rights = [\"list\", \"read\"]\n[[quota]]\nprincipals = [\"*\"]\nstreams_max = 1\n");
  return seeds;
}

}  // namespace stillframe::fuzz
