// The keys of a configuration file: name, unit, range and meaning, bound to the fields they set.
//
// One table serves the parser, the error messages, the shipped default file and the manual.
// A value; bound fields must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"

namespace stillframe {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError };

// The names a file uses, in the order of LogLevel: trace, debug, info, warn, error.
std::string_view NameOf(LogLevel level);

struct BooleanValue {
  bool* field = nullptr;
};

// [min, max]; where `zero_means` is not empty, 0 is accepted too and means that.
struct NumberValue {
  std::uint64_t* field = nullptr;
  std::uint64_t min = 0;
  std::uint64_t max = 0;
  std::string_view unit;
  std::string_view zero_means;
};

enum class TextForm {
  kAny,
  kAbsolutePath,
  kSocketPath,
  kAccountName,
  kNamePattern,
  kLoopbackAddress
};

struct TextValue {
  std::string* field = nullptr;
  TextForm form = TextForm::kAny;
  std::string_view empty_means;  // not empty: "" is accepted and means this
};

struct TextListValue {
  std::vector<std::string>* field = nullptr;
  std::size_t entries_min = 0;
  std::size_t entries_max = 0;
  std::string_view entries_are;  // for people
  // INVALID_ARGUMENT: what is wrong with an entry. Control characters never get there.
  absl::Status (*check)(std::string_view entry) = nullptr;
};

// For lists of files.
absl::Status CheckAbsoluteGlob(std::string_view entry);

// Permission bits, written as an octal string: "0660".
struct FileModeValue {
  std::uint32_t* field = nullptr;
};

// One of some names; `get` and `set` deal in their positions.
struct ChoiceValue {
  std::vector<std::string_view> names;
  std::function<std::size_t()> get;
  std::function<void(std::size_t)> set;
};

// For an enumeration whose values count from 0 in the order of `names`.
template <typename Enum>
ChoiceValue ChoiceOf(Enum* field, std::vector<std::string_view> names) {
  return {std::move(names), [field] { return static_cast<std::size_t>(*field); },
          [field](std::size_t position) { *field = static_cast<Enum>(position); }};
}

ChoiceValue LogLevelChoice(LogLevel* field);

using KeyValue =
    std::variant<BooleanValue, NumberValue, TextValue, TextListValue, FileModeValue, ChoiceValue>;

struct Key {
  std::string_view name;
  KeyValue value;
  std::string_view doc;  // sentences, wrapped by whoever shows them
};

enum class SectionKind { kTable, kArrayOfTables };

struct Section {
  std::string_view name;
  std::string_view doc;
  std::vector<Key> keys;
  SectionKind kind = SectionKind::kTable;
};

using Schema = std::vector<Section>;

// What a key accepts, for people: "10..86400000 ms, or 0: only on demand".
std::string RangeText(const Key& key);

// The bound field's present value as TOML: `"0660"`, `1000`, `["unix:/run/x"]`.
std::string ValueText(const Key& key);

}  // namespace stillframe
