#include "config/default_file.h"

#include <fmt/format.h>

#include <vector>

#include "config/gateway_config.h"

namespace stillframe {
namespace {

constexpr std::size_t kColumns = 96;

// `text` as comment lines.
std::string Comment(std::string_view text) {
  std::string out;
  std::string line = "#";
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (line.size() + 1 + word.size() > kColumns) {
      out += line + "\n";
      line = "#";
    }
    line += fmt::format(" {}", word);
  }
  return out + line + "\n";
}

}  // namespace

std::string RenderDefaultFile(std::string_view opener, const Schema& schema) {
  std::string out(opener);
  for (const Section& section : schema) {
    const bool repeated = section.kind == SectionKind::kArrayOfTables;
    out += "\n" + Comment(section.doc);
    out += repeated ? fmt::format("#[[{}]]\n", section.name) : fmt::format("[{}]\n", section.name);
    for (const Key& key : section.keys) {
      out += "\n" + Comment(key.doc);
      out += Comment(fmt::format("Range: {}.", RangeText(key)));
      out += Comment(fmt::format("{}: {}.", repeated ? "Example" : "Default", ValueText(key)));
      out += fmt::format("#{} = {}\n", key.name, ValueText(key));
    }
  }
  return out;
}

std::string DefaultStillframedToml() {
  StillframedConfig config;
  GuestRule rule{"web*", config.guests.defaults};
  return RenderDefaultFile(
      "# stillframed(8) reads this as /etc/stillframe/stillframed.toml; see stillframed.toml(5).\n"
      "# Every key is here, commented out, at its default. Unknown keys are errors.\n"
      "# Check a change with: stillframed --check-config\n",
      DescribeStillframedConfig(config, rule));
}

std::string DefaultGatewayToml() {
  GatewayConfig config;
  return RenderDefaultFile(
      "# stillframe-gateway(8) reads this as /etc/stillframe/gateway.toml; see gateway.toml(5).\n"
      "# Every key is here, commented out, at its default. Unknown keys are errors.\n"
      "# Check a change with: stillframe-gateway --check-config\n",
      DescribeGatewayConfig(config));
}

}  // namespace stillframe
