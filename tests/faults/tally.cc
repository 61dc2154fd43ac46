#include "faults/tally.h"

#include <fmt/format.h>

#include <cstdio>

namespace stillframe::faults {

void Tally::Complain(std::uint64_t& count, const std::string& what) {
  ++count;
  fmt::print("{}\n", what);
  std::fflush(stdout);
}

std::string Tally::Table() const {
  std::string text;
  std::uint64_t all = 0;
  for (const auto& [kind, count] : faults_) {
    text += fmt::format("{:>6}  {}\n", count, kind);
    all += count;
  }
  for (const std::string& why : skipped_) text += fmt::format("skipped  {}\n", why);
  text += fmt::format(
      "faults injected: {}, guests stranded: {}, wrong bytes: {}, leaks: {}, else: {}\n", all,
      stranded_, wrong_, leaks_, other_);
  return text;
}

}  // namespace stillframe::faults
