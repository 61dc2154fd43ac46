#include "config/value_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/status.h"
#include "config/listen_address.h"
#include "config/problems.h"

namespace stillframe {
namespace {

constexpr std::size_t kPathMax = 4095;
constexpr std::size_t kNameMax = 255;

// What was found, as the message shows it.
struct Shown {
  std::string operator()(const Unusable& value) const { return std::string(value.what); }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
  std::string operator()(const std::string& value) const {
    return fmt::format("\"{}\"", Printable(value));
  }
  std::string operator()(const std::vector<std::string>& value) const {
    return fmt::format("a list of {}", value.size());
  }
};

absl::Status WrongType(const RawValue& raw, std::string_view wanted) {
  return absl::InvalidArgumentError(
      fmt::format("expected {}, found {}", wanted, std::visit(Shown{}, raw)));
}

absl::Status OutOfRange(const Key& key, const RawValue& raw) {
  return absl::InvalidArgumentError(
      fmt::format("{} is out of range ({})", std::visit(Shown{}, raw), RangeText(key)));
}

bool HasControlCharacters(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool IsAbsolutePath(std::string_view path, std::size_t bytes_max) {
  return path.starts_with('/') && path.size() <= bytes_max && !HasControlCharacters(path);
}

bool IsAccountName(std::string_view name) {
  return !name.empty() && name.size() <= 32 && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

bool Fits(const TextValue& value, std::string_view text) {
  if (text.empty()) return !value.empty_means.empty();
  switch (value.form) {
    case TextForm::kAny:
      return text.size() <= kPathMax && !HasControlCharacters(text);
    case TextForm::kAbsolutePath:
      return IsAbsolutePath(text, kPathMax);
    case TextForm::kSocketPath:
      return IsAbsolutePath(text, kSocketPathMax);
    case TextForm::kAccountName:
      return IsAccountName(text);
    case TextForm::kNamePattern:
      return text.size() <= kNameMax && !HasControlCharacters(text);
    case TextForm::kLoopbackAddress:
      return ParseLoopbackAddress(text).ok();
  }
  return false;
}

absl::Status CheckEntry(const TextListValue& value, const std::string& entry) {
  if (HasControlCharacters(entry)) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" has control characters", Printable(entry)));
  }
  return value.check(entry);
}

absl::Status Set(const Key&, const BooleanValue& value, const RawValue& raw) {
  const bool* found = std::get_if<bool>(&raw);
  if (found == nullptr) return WrongType(raw, "true or false");
  *value.field = *found;
  return absl::OkStatus();
}

absl::Status Set(const Key& key, const NumberValue& value, const RawValue& raw) {
  const std::int64_t* found = std::get_if<std::int64_t>(&raw);
  if (found == nullptr) return WrongType(raw, "a whole number");
  const bool zero = *found == 0 && !value.zero_means.empty();
  const auto number = static_cast<std::uint64_t>(*found);
  if (*found < 0 || (!zero && (number < value.min || number > value.max))) {
    return OutOfRange(key, raw);
  }
  *value.field = number;
  return absl::OkStatus();
}

absl::Status Set(const Key& key, const TextValue& value, const RawValue& raw) {
  const std::string* found = std::get_if<std::string>(&raw);
  if (found == nullptr) return WrongType(raw, "text in quotes");
  if (!Fits(value, *found)) {
    return absl::InvalidArgumentError(
        fmt::format("{} is not accepted ({})", std::visit(Shown{}, raw), RangeText(key)));
  }
  *value.field = *found;
  return absl::OkStatus();
}

absl::Status Set(const Key& key, const TextListValue& value, const RawValue& raw) {
  const auto* found = std::get_if<std::vector<std::string>>(&raw);
  if (found == nullptr) return WrongType(raw, "a list of text, [\"...\"]");
  if (found->size() < value.entries_min || found->size() > value.entries_max) {
    return OutOfRange(key, raw);
  }
  for (const std::string& entry : *found) SF_RETURN_IF_ERROR(CheckEntry(value, entry));
  *value.field = *found;
  return absl::OkStatus();
}

absl::Status Set(const Key& key, const FileModeValue& value, const RawValue& raw) {
  const std::string* found = std::get_if<std::string>(&raw);
  if (found == nullptr) return WrongType(raw, "an octal mode in quotes, such as \"0660\"");
  const bool octal = (found->size() == 3 || (found->size() == 4 && found->front() == '0')) &&
                     found->find_first_not_of("01234567") == std::string::npos;
  if (!octal) return OutOfRange(key, raw);
  std::uint32_t mode = 0;
  for (const char digit : *found) mode = mode * 8 + static_cast<std::uint32_t>(digit - '0');
  *value.field = mode;
  return absl::OkStatus();
}

absl::Status Set(const Key& key, const ChoiceValue& value, const RawValue& raw) {
  const std::string* found = std::get_if<std::string>(&raw);
  if (found == nullptr) return WrongType(raw, RangeText(key));
  const auto name = std::find(value.names.begin(), value.names.end(), *found);
  if (name == value.names.end()) return OutOfRange(key, raw);
  value.set(static_cast<std::size_t>(name - value.names.begin()));
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckAbsoluteGlob(std::string_view entry) {
  if (IsAbsolutePath(entry, kPathMax)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" is not an absolute path", Printable(entry)));
}

absl::Status SetField(const Key& key, const RawValue& raw) {
  return std::visit([&](const auto& value) { return Set(key, value, raw); }, key.value);
}

}  // namespace stillframe
