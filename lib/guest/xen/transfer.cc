#include "guest/xen/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

namespace stillframe {
namespace {

constexpr std::string_view kHelper = "libxl-save-helper";

std::string ReadStart(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string text(512, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

}  // namespace

bool IsSaveHelper(std::string_view command_line, std::uint32_t domid) {
  std::vector<std::string_view> arguments;
  while (!command_line.empty()) {
    const std::size_t end = std::min(command_line.find('\0'), command_line.size());
    arguments.push_back(command_line.substr(0, end));
    command_line.remove_prefix(std::min(end + 1, command_line.size()));
  }
  // libxl-save-helper --save-domain FD FD DOMID FLAGS ... (libxl_save_callout.c, 4.17)
  return arguments.size() > 4 && arguments[0].ends_with(kHelper) &&
         arguments[1] == "--save-domain" && arguments[4] == std::to_string(domid);
}

bool IsInTransfer(std::uint32_t domid) {
  std::error_code error;
  std::filesystem::directory_iterator at("/proc", error);
  const std::filesystem::directory_iterator end;
  for (; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (std::isdigit(static_cast<unsigned char>(name[0])) == 0) continue;
    if (!std::string_view(ReadStart(at->path() / "comm")).starts_with(kHelper.substr(0, 15))) {
      continue;
    }
    if (IsSaveHelper(ReadStart(at->path() / "cmdline"), domid)) return true;
  }
  return false;
}

}  // namespace stillframe
