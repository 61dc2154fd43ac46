// Writes a configuration file with every key commented out at its default.
#pragma once

#include <string>
#include <string_view>

#include "config/stillframed_config.h"

namespace stillframe {

// `opener` as it is, then every key of `schema` with its meaning, range and present value.
std::string RenderDefaultFile(std::string_view opener, const Schema& schema);

// The whole text of config/stillframed.toml and config/gateway.toml: the shipped files are this,
// byte for byte.
std::string DefaultStillframedToml();
std::string DefaultGatewayToml();

}  // namespace stillframe
