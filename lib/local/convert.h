// The project's own types as API messages.
#pragma once

#include "guest/guest.h"
#include "stillframe/v1/event.pb.h"
#include "stillframe/v1/guest.pb.h"
#include "stillframe/v1/snapshot.pb.h"
#include "store/event_log.h"
#include "store/snapshot.h"

namespace stillframe {

enum class Detail { kBrief, kFull };  // kBrief: without vcpus and memory_regions

v1::Snapshot ToMessage(const SnapshotMetadata& metadata, Detail detail);
v1::SnapshotEvent ToMessage(const SnapshotEvent& event);
v1::Guest::State ToMessage(RunState state);

}  // namespace stillframe
