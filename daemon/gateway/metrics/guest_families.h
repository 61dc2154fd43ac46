// The families about guests: captures, pauses, snapshots, arenas.
#pragma once

#include <span>

#include "gateway/metrics/family_list.h"
#include "stillframe/v1/guest.pb.h"

namespace stillframe {

void AddGuestFamilies(std::span<const v1::Guest> guests, FamilyList& families);

}  // namespace stillframe
