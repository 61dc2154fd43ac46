// Named gateways with their certificates, from ~/.config/stillframe/config.toml.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "config/schema.h"
#include "stillframe/connection.h"

namespace stillframe::cli {

struct Context {
  std::string name;
  std::string target;
  TlsFiles tls;
};

struct Contexts {
  std::string chosen;  // what is used when nothing else is asked for; empty: none
  std::vector<Context> all;

  // NOT_FOUND: says which there are.
  absl::StatusOr<Context> Find(const std::string& name) const;
};

// $XDG_CONFIG_HOME/stillframe/config.toml, or ~/.config/stillframe/config.toml.
std::string ContextsPath();

// A file that is not there has no contexts. INVALID_ARGUMENT: one line, "FILE:LINE: KEY: what".
absl::StatusOr<Contexts> LoadContexts(const std::string& path);
absl::StatusOr<Contexts> ParseContexts(std::string_view text, std::string_view file_name);

}  // namespace stillframe::cli
