// Whether a toolstack saves or migrates a domain right now.
//
// It then owns the domain's dirty log, and reading that log would make it lose pages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stillframe {

// Looks for libxl's helper process (xl, libvirt). False when /proc cannot be read.
bool IsInTransfer(std::uint32_t domid);

// Whether a command line, arguments separated by NUL as in /proc/PID/cmdline, is that helper
// working on `domid`.
bool IsSaveHelper(std::string_view command_line, std::uint32_t domid);

}  // namespace stillframe
