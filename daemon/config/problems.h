// Collects what is wrong with one configuration file and reports the first by line.
//
// Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace stillframe {

class Problems {
 public:
  explicit Problems(std::string_view file_name) : file_name_(file_name) {}

  // `key` is "section.key", or empty when the file as a whole is at fault.
  void Add(std::uint32_t line, std::string_view key, std::string_view what);

  std::size_t count() const { return by_line_.size(); }

  // OK, or INVALID_ARGUMENT "FILE:LINE: KEY: WHAT", one printable line.
  absl::Status First() const;

 private:
  const std::string file_name_;
  std::multimap<std::uint32_t, std::string> by_line_;
};

// `text` with everything but printable ASCII escaped, cut to what fits a line of a log.
std::string Printable(std::string_view text);

}  // namespace stillframe
