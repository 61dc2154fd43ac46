#include "support/exposition.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "base/status.h"

namespace stillframe {
namespace {

using Labels = std::map<std::string, std::string>;

absl::Status Bad(std::string_view line, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", why, line));
}

bool IsName(std::string_view name, bool colons) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(c >= '0' && c <= '9') && !(colons && c == ':')) return false;
  }
  return true;
}

std::optional<double> ParseNumber(std::string_view text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// What precedes `end`, which is cut off too.
std::optional<std::string_view> Cut(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at + 1);
  return before;
}

// After the opening quote; ends after the closing one.
std::optional<std::string> ParseQuoted(std::string_view& text) {
  std::string value;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '"') return value;
    if (c != '\\') {
      if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
      value.push_back(c);
      continue;
    }
    if (text.empty()) return std::nullopt;
    const char escaped = text.front();
    text.remove_prefix(1);
    if (escaped != 'n' && escaped != '"' && escaped != '\\') return std::nullopt;
    value.push_back(escaped == 'n' ? '\n' : escaped);
  }
  return std::nullopt;
}

// After the opening brace; ends after the closing one.
std::optional<Labels> ParseLabels(std::string_view& text) {
  Labels labels;
  while (!text.empty()) {
    if (text.front() == '}') {
      text.remove_prefix(1);
      return labels;
    }
    const auto name = Cut(text, '=');
    if (!name || !IsName(*name, false) || name->starts_with("__")) return std::nullopt;
    if (text.empty() || text.front() != '"') return std::nullopt;
    text.remove_prefix(1);
    auto value = ParseQuoted(text);
    if (!value || !labels.emplace(*name, *std::move(value)).second) return std::nullopt;
    if (!text.empty() && text.front() == ',') text.remove_prefix(1);
  }
  return std::nullopt;
}

absl::StatusOr<Exposition::Sample> ParseSample(std::string_view line) {
  Exposition::Sample sample;
  std::string_view rest = line;
  const std::size_t end = rest.find_first_of("{ ");
  if (end == std::string_view::npos) return Bad(line, "a sample without a value");
  sample.name = rest.substr(0, end);
  rest.remove_prefix(end);
  if (!IsName(sample.name, true)) return Bad(line, "no metric name");
  if (rest.front() == '{') {
    rest.remove_prefix(1);
    auto labels = ParseLabels(rest);
    if (!labels) return Bad(line, "malformed labels");
    sample.labels = *std::move(labels);
  }
  if (rest.empty() || rest.front() != ' ') return Bad(line, "no space before the value");
  const auto value = ParseNumber(rest.substr(1));
  if (!value) return Bad(line, "the value is no number");
  sample.value = *value;
  return sample;
}

bool IsPartOf(std::string_view sample, std::string_view family, std::string_view type) {
  if (!sample.starts_with(family)) return false;
  const std::string_view suffix = sample.substr(family.size());
  if (type == "histogram") return suffix == "_bucket" || suffix == "_sum" || suffix == "_count";
  if (type == "summary") return suffix.empty() || suffix == "_sum" || suffix == "_count";
  return suffix.empty();
}

absl::Status CheckName(const std::string& name, const Exposition::Family& family) {
  if (family.help.empty()) return Bad(name, "no help");
  if (family.type == "counter" && !name.ends_with("_total")) {
    return Bad(name, "a counter's name ends in _total");
  }
  if (family.type != "counter" && name.ends_with("_total")) return Bad(name, "no counter");
  for (const std::string_view unit :
       {"_ms", "_us", "_ns", "_milliseconds", "_percent", "_kb", "_mb", "_kib", "_mib", "_pages"}) {
    if (name.ends_with(unit) || name.find(std::string(unit) + "_") != std::string::npos) {
      return Bad(name, "no base unit");
    }
  }
  for (const std::string_view suffix : {"_count", "_sum", "_bucket"}) {
    if (name.ends_with(suffix)) return Bad(name, "looks like a part of a histogram");
  }
  return absl::OkStatus();
}

// The buckets of each series, in the order they came.
absl::Status CheckHistogram(const std::string& name, const Exposition::Family& family) {
  struct Series {
    double bound = -std::numeric_limits<double>::infinity();
    double count = 0;
    bool has_sum = false;
    std::optional<double> total;
  };
  std::map<Labels, Series> all;
  for (const auto& sample : family.samples) {
    Labels labels = sample.labels;
    if (sample.name != name + "_bucket") {
      Series& series = all[labels];
      if (sample.name == name + "_sum") series.has_sum = true;
      if (sample.name == name + "_count") series.total = sample.value;
      continue;
    }
    const double bound = ParseNumber(labels["le"]).value_or(std::nan(""));
    labels.erase("le");
    Series& series = all[labels];
    if (!(bound > series.bound)) return Bad(name, "bounds do not ascend");
    if (sample.value < series.count) return Bad(name, "buckets are not cumulative");
    series.bound = bound;
    series.count = sample.value;
  }
  for (const auto& [labels, series] : all) {
    if (!std::isinf(series.bound)) return Bad(name, "no +Inf bucket");
    if (!series.has_sum || series.total != series.count) return Bad(name, "sum or count is wrong");
  }
  return absl::OkStatus();
}

absl::Status CheckFamily(const std::string& name, const Exposition::Family& family) {
  SF_RETURN_IF_ERROR(CheckName(name, family));
  std::set<std::pair<std::string, Labels>> seen;
  for (const auto& sample : family.samples) {
    if (!seen.emplace(sample.name, sample.labels).second) return Bad(sample.name, "comes twice");
    if (family.type == "counter" && !(sample.value >= 0)) return Bad(name, "a negative counter");
  }
  return family.type == "histogram" ? CheckHistogram(name, family) : absl::OkStatus();
}

class Parser {
 public:
  absl::Status AddLine(std::string_view line) {
    if (line.starts_with("# HELP ")) return AddHelp(line, line.substr(7));
    if (line.starts_with("# TYPE ")) return AddType(line, line.substr(7));
    if (line.empty() || line.front() == '#') return Bad(line, "neither help, type nor sample");
    SF_ASSIGN_OR_RETURN(auto sample, ParseSample(line));
    const auto family = out_.families.find(current_);
    if (family == out_.families.end() || !IsPartOf(sample.name, current_, family->second.type)) {
      return Bad(line, "a sample outside its family");
    }
    family->second.samples.push_back(std::move(sample));
    return absl::OkStatus();
  }

  absl::StatusOr<Exposition> Take() {
    for (const auto& [name, family] : out_.families) SF_RETURN_IF_ERROR(CheckFamily(name, family));
    return std::move(out_);
  }

 private:
  absl::Status AddHelp(std::string_view line, std::string_view rest) {
    const auto name = Cut(rest, ' ');
    if (!name || !IsName(*name, true)) return Bad(line, "malformed help");
    current_ = *name;
    const bool added = out_.families.try_emplace(current_).second;
    if (!added) return Bad(line, "a family comes twice");
    out_.families[current_].help = rest;
    return absl::OkStatus();
  }

  absl::Status AddType(std::string_view line, std::string_view rest) {
    const auto name = Cut(rest, ' ');
    static const std::set<std::string_view> kTypes = {"counter", "gauge", "histogram", "summary"};
    if (!name || *name != current_ || !kTypes.contains(rest)) return Bad(line, "malformed type");
    out_.families[current_].type = rest;
    return absl::OkStatus();
  }

  Exposition out_;
  std::string current_;
};

}  // namespace

absl::StatusOr<Exposition> Exposition::Parse(std::string_view text) {
  if (!text.ends_with('\n')) return absl::InvalidArgumentError("the last line has no end");
  Parser parser;
  while (const auto line = Cut(text, '\n')) SF_RETURN_IF_ERROR(parser.AddLine(*line));
  return parser.Take();
}

const Exposition::Sample* Exposition::Find(const std::string& name, const Labels& labels) const {
  for (const auto& [family_name, family] : families) {
    for (const Sample& sample : family.samples) {
      if (sample.name == name && sample.labels == labels) return &sample;
    }
  }
  return nullptr;
}

bool Exposition::Knows(const std::string& name) const {
  for (const auto& [family_name, family] : families) {
    if (IsPartOf(name, family_name, family.type)) return true;
  }
  return false;
}

}  // namespace stillframe
