// Prometheus' text format, read as strictly as promtool does.
//
// A value; throws nothing.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace stillframe {

struct Exposition {
  struct Sample {
    std::string name;  // with _bucket, _sum, _count of a histogram
    std::map<std::string, std::string> labels;
    double value = 0;
  };
  struct Family {
    std::string type;
    std::string help;
    std::vector<Sample> samples;
  };
  std::map<std::string, Family> families;

  // INVALID_ARGUMENT, with the line: what is no exposition, or breaks a rule of naming: families
  // are told once, with help and type before their samples; names, labels, escapes and numbers are
  // well-formed; no sample comes twice; counters end in _total and are not negative, nothing else
  // does; histograms are cumulative and end with +Inf, which equals _count; units are base units.
  static absl::StatusOr<Exposition> Parse(std::string_view text);

  // Of the sample with these labels; nullptr: there is none.
  const Sample* Find(const std::string& name,
                     const std::map<std::string, std::string>& labels = {}) const;

  // Whether samples may have that name.
  bool Knows(const std::string& name) const;
};

}  // namespace stillframe
