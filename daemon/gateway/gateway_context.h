// What all services of the gateway share.
//
// Thread-safe members; the server owns them and outlives every call.
#pragma once

#include <memory>

#include "gateway/daemon_link.h"
#include "gateway/in_flight.h"
#include "gateway/options.h"
#include "gateway/pin_table.h"
#include "gateway/quota.h"
#include "gateway/stream_warden.h"

namespace stillframe {

struct GatewayContext {
  ServingLimits limits;
  std::shared_ptr<StreamWarden> warden;
  std::shared_ptr<ByteBudget> budget;
  std::shared_ptr<Quota> streams;
  PinTable& pins;
  DaemonLink& link;
};

}  // namespace stillframe
