#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "base/status.h"
#include "commands/commands.h"
#include "render/json.h"
#include "render/text.h"

namespace stillframe::cli {
namespace {

template <typename Texts>
std::string Joined(const Texts& texts) {
  std::vector<std::string> printable;
  for (const std::string& text : texts) printable.push_back(Printable(text));
  return fmt::format("{}", fmt::join(printable, ", "));
}

Json JsonOf(const v1::Access& access) {
  Json json = {{"principal", access.principal()},
               {"aliases", access.aliases()},
               {"peer", access.peer()},
               {"grants", Json::array()},
               {"quotas", Json::object()}};
  for (const auto& grant : access.grants()) {
    json["grants"].push_back({{"guests", grant.guests()}, {"rights", grant.rights()}});
  }
  for (const auto& quota : access.quotas()) {
    json["quotas"][quota.name()] = {{"max", quota.max()}, {"taken", quota.taken()}};
  }
  return json;
}

std::string TextOf(const v1::Access& access) {
  std::string text = fmt::format("You are  {}\n", Printable(access.principal()));
  if (!access.aliases().empty()) text += fmt::format("also     {}\n", Joined(access.aliases()));
  text += fmt::format("from     {}\n", Printable(access.peer()));
  if (access.grants().empty()) text += "may      nothing: the policy grants you nothing\n";
  for (const auto& grant : access.grants()) {
    text += fmt::format("may      {} on {}\n", Joined(grant.rights()), Joined(grant.guests()));
  }
  for (const auto& quota : access.quotas()) {
    if (quota.max() == 0) continue;
    text += fmt::format("quota    {} {}, {} taken\n", Printable(quota.name()), quota.max(),
                        quota.taken());
  }
  return text;
}

}  // namespace

absl::Status RunWhoAmI(const Session& session) {
  SF_ASSIGN_OR_RETURN(const v1::Access access, session.connection.WhoAmI());
  return Print(session.json() ? JsonDocument(JsonOf(access)) : TextOf(access));
}

}  // namespace stillframe::cli
