#include "render/json.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <string>

namespace stillframe::cli {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

// All values of an enum begin with the prefix that its zero value has before "UNSPECIFIED".
std::string NameOfValue(const EnumValueDescriptor& value) {
  const std::string& zero = value.type()->value(0)->name();
  const std::size_t prefix = zero.size() - std::string("UNSPECIFIED").size();
  return LowerCase(value.name().substr(prefix));
}

bool IsHexadecimal(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_FIXED64 && !field.name().ends_with("_ns");
}

// `index` < 0: a singular field.
Json ValueOf(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& get = *message.GetReflection();
  const bool one = index < 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT64: {
      const std::uint64_t value =
          one ? get.GetUInt64(message, &field) : get.GetRepeatedUInt64(message, &field, index);
      return IsHexadecimal(field) ? Json(fmt::format("{:#x}", value)) : Json(value);
    }
    case FieldDescriptor::CPPTYPE_UINT32:
      return one ? get.GetUInt32(message, &field) : get.GetRepeatedUInt32(message, &field, index);
    case FieldDescriptor::CPPTYPE_INT32:
      return one ? get.GetInt32(message, &field) : get.GetRepeatedInt32(message, &field, index);
    case FieldDescriptor::CPPTYPE_INT64:
      return one ? get.GetInt64(message, &field) : get.GetRepeatedInt64(message, &field, index);
    case FieldDescriptor::CPPTYPE_BOOL:
      return one ? get.GetBool(message, &field) : get.GetRepeatedBool(message, &field, index);
    case FieldDescriptor::CPPTYPE_STRING:
      return one ? get.GetString(message, &field) : get.GetRepeatedString(message, &field, index);
    case FieldDescriptor::CPPTYPE_ENUM:
      return NameOfValue(one ? *get.GetEnum(message, &field)
                             : *get.GetRepeatedEnum(message, &field, index));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ToJson(one ? get.GetMessage(message, &field)
                        : get.GetRepeatedMessage(message, &field, index));
    default:
      return nullptr;
  }
}

}  // namespace

Json ToJson(const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  const auto& type = *message.GetDescriptor();
  Json json = Json::object();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_repeated()) {
      Json values = Json::array();
      for (int j = 0; j < reflection.FieldSize(message, &field); ++j) {
        values.push_back(ValueOf(message, field, j));
      }
      json[field.name()] = std::move(values);
    } else if (!field.has_presence() || reflection.HasField(message, &field)) {
      json[field.name()] = ValueOf(message, field, -1);
    }
  }
  return json;
}

std::string JsonLine(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string JsonDocument(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace stillframe::cli
