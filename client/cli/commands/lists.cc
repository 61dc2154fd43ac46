#include <fmt/format.h>

#include "base/status.h"
#include "commands/commands.h"
#include "render/json.h"
#include "render/snapshot_text.h"

namespace stillframe::cli {
namespace {

template <typename Message>
Json ArrayOf(const std::vector<Message>& messages) {
  Json array = Json::array();
  for (const auto& message : messages) array.push_back(ToJson(message));
  return array;
}

}  // namespace

absl::Status RunGuests(const Session& session) {
  SF_ASSIGN_OR_RETURN(const auto guests, session.connection.ListGuests());
  return Print(session.json() ? JsonDocument(ArrayOf(guests)) : GuestsText(guests));
}

absl::Status RunGuest(const Session& session) {
  SF_ASSIGN_OR_RETURN(const auto guest,
                      session.connection.GetGuest(session.arguments.snapshot.guest));
  return Print(session.json() ? JsonDocument(ToJson(guest)) : GuestText(guest));
}

absl::Status RunSnapshots(const Session& session) {
  SF_ASSIGN_OR_RETURN(const auto snapshots,
                      session.connection.ListSnapshots(session.arguments.snapshot.guest));
  return Print(session.json() ? JsonDocument(ArrayOf(snapshots)) : SnapshotsText(snapshots));
}

absl::Status RunSnapshot(const Session& session) {
  SF_ASSIGN_OR_RETURN(const auto snapshot,
                      session.connection.Capture(session.arguments.snapshot.guest, session.stop));
  if (session.json()) return Print(JsonDocument(ToJson(snapshot)));
  return Print(SnapshotText(snapshot));
}

absl::Status RunShow(const Session& session) {
  const SnapshotName& name = session.arguments.snapshot;
  SF_ASSIGN_OR_RETURN(const auto snapshot,
                      session.connection.GetSnapshot(Select(name.guest, name.generation)));
  if (session.json()) return Print(JsonDocument(ToJson(snapshot)));
  std::string text = SnapshotText(snapshot);
  for (const v1::Vcpu& vcpu : snapshot.vcpus()) {
    text += fmt::format("\nvCPU {}\n{}", vcpu.index(), RegistersText(vcpu));
  }
  text += "\nMemory map\n" + MemoryMapText(snapshot);
  return Print(text);
}

}  // namespace stillframe::cli
