// Readers of a soak: each verifies snapshots of guests picked at random until it is stopped.
//
// Functions for threads of their own.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "soak/tally.h"

namespace stillframe::soak {

struct ReaderSetup {
  std::string gateway_target;
  std::string local_target;
  std::vector<std::string> guests;
  std::uint64_t seed = 1;
};

// `index` chooses what kind of reader it is: whole snapshots over gRPC or mapped memory, small
// reads over gRPC, or snapshots taken on request and held for seconds as one stretch of memory.
void RunReader(std::size_t index, const ReaderSetup& setup, Tally& tally, std::stop_token stop);

// Asks for far more than fits in any buffer and takes nothing: of a stream of the gateway, or
// (odd `index`) of the daemon's replies. Begins anew when it is dropped.
void RunWedgedReader(std::size_t index, const ReaderSetup& setup, Tally& tally,
                     std::stop_token stop);

}  // namespace stillframe::soak
