// The API's messages as JSON for scripts.
//
// One rule for all: field names as in proto/stillframe/v1; every field is there, optional ones and
// messages that are not set excepted; enum values in lower case without their prefix ("running");
// registers and addresses as "0x..." strings, because they exceed what JSON numbers carry exactly
// elsewhere; all other numbers as numbers.
#pragma once

#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>

namespace stillframe::cli {

using Json = nlohmann::ordered_json;

Json ToJson(const google::protobuf::Message& message);

// One line, or indented for a document. Bytes that are not UTF-8 become U+FFFD.
std::string JsonLine(const Json& json);
std::string JsonDocument(const Json& json);

}  // namespace stillframe::cli
