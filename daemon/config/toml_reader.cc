#include "config/toml_reader.h"

#include <algorithm>
#include <utility>

// Debian's shared libtomlplusplus throws; the header alone can be told not to.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include "config/near_miss.h"
#include "config/value_reader.h"

namespace stillframe {
namespace {

std::uint32_t LineOfNode(const toml::node& node) {
  return std::max<std::uint32_t>(1, node.source().begin.line);
}

std::string Hint(std::string_view word, const std::vector<std::string_view>& known) {
  const std::string_view near = NearMiss(word, known);
  if (!near.empty()) return fmt::format("did you mean {}?", near);
  return fmt::format("known here: {}", fmt::join(known, ", "));
}

RawValue RawOf(const toml::node& node) {
  if (const auto* boolean = node.as_boolean()) return boolean->get();
  if (const auto* integer = node.as_integer()) return integer->get();
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* array = node.as_array()) {
    std::vector<std::string> entries;
    for (const toml::node& entry : *array) {
      const auto* text = entry.as_string();
      if (text == nullptr) return Unusable{"a list with entries that are not text"};
      entries.push_back(text->get());
    }
    return entries;
  }
  if (node.is_table()) return Unusable{"a table"};
  if (node.is_floating_point()) return Unusable{"a number with a fraction"};
  return Unusable{"a date or time"};
}

void ReadKeys(const toml::table& table, const Section& section, Problems& problems) {
  std::vector<std::string_view> names;
  for (const Key& key : section.keys) names.push_back(key.name);
  for (const auto& [name, node] : table) {
    const std::string_view key_name = name.str();
    const std::string full_name = fmt::format("{}.{}", section.name, key_name);
    const auto key = std::find_if(section.keys.begin(), section.keys.end(),
                                  [key_name](const Key& known) { return known.name == key_name; });
    if (key == section.keys.end()) {
      const std::uint32_t line = std::max<std::uint32_t>(1, name.source().begin.line);
      problems.Add(line, full_name, fmt::format("unknown key; {}", Hint(key_name, names)));
      continue;
    }
    if (const absl::Status status = SetField(*key, RawOf(node)); !status.ok()) {
      problems.Add(LineOfNode(node), full_name,
                   std::string_view(status.message().data(), status.message().size()));
    }
  }
}

}  // namespace

struct TomlReader::Document {
  toml::table root;
};

TomlReader::TomlReader(std::unique_ptr<Document> document) : document_(std::move(document)) {}
TomlReader::TomlReader(TomlReader&&) noexcept = default;
TomlReader::~TomlReader() = default;

absl::StatusOr<TomlReader> TomlReader::Parse(std::string_view text, std::string_view file_name) {
  if (text.size() > kConfigBytesMax) {
    return absl::InvalidArgumentError(fmt::format("{}:1: file of {} bytes; at most {} are read",
                                                  file_name, text.size(), kConfigBytesMax));
  }
  toml::parse_result result = toml::parse(text);
  if (!result) {
    Problems problems(file_name);
    problems.Add(std::max<std::uint32_t>(1, result.error().source().begin.line), "",
                 fmt::format("not TOML: {}", Printable(result.error().description())));
    return problems.First();
  }
  return TomlReader(std::make_unique<Document>(Document{std::move(result).table()}));
}

void TomlReader::CheckSections(const Schema& schema, Problems& problems) const {
  std::vector<std::string_view> names;
  for (const Section& section : schema) names.push_back(section.name);
  for (const auto& [name, node] : document_->root) {
    if (std::find(names.begin(), names.end(), name.str()) != names.end()) continue;
    const std::uint32_t line = std::max<std::uint32_t>(1, name.source().begin.line);
    problems.Add(line, name.str(), fmt::format("unknown section; {}", Hint(name.str(), names)));
  }
}

void TomlReader::ReadTable(const Section& section, Problems& problems) const {
  const toml::node* node = document_->root.get(section.name);
  if (node == nullptr) return;
  if (const toml::table* table = node->as_table()) {
    ReadKeys(*table, section, problems);
  } else {
    problems.Add(LineOfNode(*node), section.name, fmt::format("write it as [{}]", section.name));
  }
}

std::size_t TomlReader::CountEntries(const Section& section, std::size_t entries_max,
                                     Problems& problems) const {
  const toml::node* node = document_->root.get(section.name);
  if (node == nullptr) return 0;
  const toml::array* array = node->as_array();
  if (array == nullptr || (!array->empty() && !array->is_homogeneous(toml::node_type::table))) {
    problems.Add(LineOfNode(*node), section.name, fmt::format("write it as [[{}]]", section.name));
    return 0;
  }
  if (array->size() > entries_max) {
    problems.Add(LineOfNode(*node), section.name,
                 fmt::format("{} entries; at most {} are allowed", array->size(), entries_max));
    return 0;
  }
  return array->size();
}

void TomlReader::ReadEntry(const Section& section, std::size_t index, Problems& problems) const {
  ReadKeys(*document_->root[section.name][index].as_table(), section, problems);
}

std::uint32_t TomlReader::LineOf(std::string_view section, std::string_view key) const {
  const toml::node* node = document_->root[section][key].node();
  if (node == nullptr) node = document_->root.get(section);
  return node == nullptr ? 1 : LineOfNode(*node);
}

std::uint32_t TomlReader::LineOfEntry(std::string_view section, std::size_t index) const {
  const toml::node* node = document_->root[section][index].node();
  return node == nullptr ? 1 : LineOfNode(*node);
}

}  // namespace stillframe
