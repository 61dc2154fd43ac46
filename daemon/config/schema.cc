#include "config/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <type_traits>

namespace stillframe {
namespace {

constexpr std::array<std::string_view, 5> kLogLevelNames = {"trace", "debug", "info", "warn",
                                                            "error"};

std::string Range(const BooleanValue&) { return "true or false"; }

std::string Range(const NumberValue& value) {
  std::string text = fmt::format("{}..{}", value.min, value.max);
  if (!value.unit.empty()) text += fmt::format(" {}", value.unit);
  if (!value.zero_means.empty()) text += fmt::format(", or 0: {}", value.zero_means);
  return text;
}

std::string Range(const TextValue& value) {
  std::string text;
  switch (value.form) {
    case TextForm::kAny:
      text = "text";
      break;
    case TextForm::kAbsolutePath:
      text = "absolute path";
      break;
    case TextForm::kSocketPath:
      text = "absolute path of at most 107 bytes";
      break;
    case TextForm::kAccountName:
      text = "group name";
      break;
    case TextForm::kNamePattern:
      text = "name, glob or UUID";
      break;
    case TextForm::kLoopbackAddress:
      text = "127.0.0.1:PORT, [::1]:PORT or localhost:PORT";
      break;
  }
  if (!value.empty_means.empty()) text += fmt::format(", or \"\": {}", value.empty_means);
  return text;
}

std::string Range(const TextListValue& value) {
  return fmt::format("{}..{} entries, {}", value.entries_min, value.entries_max, value.entries_are);
}

std::string Range(const FileModeValue&) { return "octal text, \"0000\"..\"0777\""; }

std::string Range(const ChoiceValue& value) {
  return fmt::format("one of {}", fmt::join(value.names, ", "));
}

}  // namespace

std::string_view NameOf(LogLevel level) { return kLogLevelNames[static_cast<std::size_t>(level)]; }

ChoiceValue LogLevelChoice(LogLevel* field) {
  return ChoiceOf(field, {std::begin(kLogLevelNames), std::end(kLogLevelNames)});
}

std::string RangeText(const Key& key) {
  return std::visit([](const auto& value) { return Range(value); }, key.value);
}

std::string ValueText(const Key& key) {
  return std::visit(
      [](const auto& value) -> std::string {
        using Value = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, TextValue>) {
          return fmt::format("\"{}\"", *value.field);
        } else if constexpr (std::is_same_v<Value, TextListValue>) {
          if (value.field->empty()) return "[]";
          return fmt::format("[\"{}\"]", fmt::join(*value.field, "\", \""));
        } else if constexpr (std::is_same_v<Value, FileModeValue>) {
          return fmt::format("\"{:04o}\"", *value.field);
        } else if constexpr (std::is_same_v<Value, ChoiceValue>) {
          return fmt::format("\"{}\"", value.names[value.get()]);
        } else {
          return fmt::format("{}", *value.field);
        }
      },
      key.value);
}

}  // namespace stillframe
