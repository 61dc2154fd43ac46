// Completion scripts for shells, made from the command table.
#pragma once

#include <string>
#include <string_view>

namespace stillframe::cli {

// `shell` is bash, zsh or fish. Guests' names are completed by asking `stillframe guests`.
std::string CompletionScript(std::string_view shell);

}  // namespace stillframe::cli
