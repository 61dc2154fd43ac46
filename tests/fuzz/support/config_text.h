// What the targets for configuration files share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "fuzz/support/fuzz_target.h"

namespace stillframe::fuzz {

// An error is one printable line that begins with the place.
inline void RequireOneLine(const absl::Status& error, std::string_view place) {
  const std::string_view message(error.message().data(), error.message().size());
  Require(message.starts_with(place), "an error says where it is");
  for (const char c : message) {
    Require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "an error is one printable line");
  }
}

// The files that are installed, as they are and with every key set, and what TOML parsers stumble
// over.
inline std::vector<std::string> ConfigSeeds() {
  std::vector<std::string> seeds;
  for (std::string& file : FilesIn(STILLFRAME_CONFIG_DATA)) {
    if (file.find(".toml") == std::string::npos) continue;
    std::string set = file;
    for (std::size_t at = 0; (at = set.find("\n#", at)) != std::string::npos; ++at) {
      const char next = at + 2 < set.size() ? set[at + 2] : ' ';
      if (next >= 'a' && next <= 'z') set.erase(at + 1, 1);
    }
    seeds.push_back(std::move(file));
    seeds.push_back(std::move(set));
  }
  seeds.emplace_back("a = \"\\u0000\\n\x7f\"\n");
  seeds.emplace_back("\xef\xbb\xbf[a]\r\nb = 1979-05-27T07:32:00Z\r\n[[a]]\n");
  seeds.push_back("a = " + std::string(2000, '['));
  seeds.push_back("a = " + std::string(300, '[') + std::string(300, ']'));
  std::string dots = "a";
  for (int i = 0; i < 20'000; ++i) dots += ".a";
  seeds.push_back(dots + " = 1\n");
  seeds.push_back("[" + dots + "]\n");
  return seeds;
}

}  // namespace stillframe::fuzz
