// What the kernel says of a process's mappings, by /proc/PID/smaps.
#pragma once

#include <sys/types.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace stillframe {

struct MappingFlags {
  std::string name;   // "/memfd:stillframe-map (deleted)"; empty: anonymous
  std::string flags;  // " rd sh mr dd ": two letters each (proc(5), VmFlags)

  // "dd": in no core dump, "lo": locked in memory, "wr": writable.
  bool Has(const std::string& flag) const { return flags.find(" " + flag + " ") != flags.npos; }
};

// The mappings of `pid` ("self": this process) whose name contains `part`.
inline std::vector<MappingFlags> MappingsNamed(const std::string& pid, const std::string& part) {
  std::vector<MappingFlags> found;
  std::ifstream smaps("/proc/" + pid + "/smaps");
  std::string name;
  for (std::string line; std::getline(smaps, line);) {
    std::istringstream words(line);
    std::string first;
    words >> first;
    if (first == "VmFlags:") {
      const std::string flags = line.substr(line.find(':') + 1) + " ";
      if (name.find(part) != std::string::npos) found.push_back({name, flags});
    } else if (!first.empty() && first.back() != ':') {
      std::string skipped;
      for (int i = 0; i < 4; ++i) words >> skipped;
      std::getline(words >> std::ws, name);
      if (!words) name.clear();
    }
  }
  return found;
}

}  // namespace stillframe
