// Guests and snapshots as text for people.
#pragma once

#include <string>
#include <vector>

#include "stillframe/v1/event.pb.h"
#include "stillframe/v1/guest.pb.h"
#include "stillframe/v1/snapshot.pb.h"

namespace stillframe::cli {

std::string GuestsText(const std::vector<v1::Guest>& guests);
std::string GuestText(const v1::Guest& guest);
std::string SnapshotsText(const std::vector<v1::Snapshot>& snapshots);

// Without registers and memory map.
std::string SnapshotText(const v1::Snapshot& snapshot);

std::string RegistersText(const v1::Vcpu& vcpu);
std::string MemoryMapText(const v1::Snapshot& snapshot);

// One line.
std::string EventText(const v1::SnapshotEvent& event);

}  // namespace stillframe::cli
