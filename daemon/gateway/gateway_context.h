// What all services of the gateway share.
//
// Thread-safe members; the server owns them and outlives every call.
#pragma once

#include <memory>

#include "base/clock.h"
#include "gateway/audit/audit_log.h"
#include "gateway/capture_rate.h"
#include "gateway/daemon_link.h"
#include "gateway/gateway_metrics.h"
#include "gateway/guest_gate.h"
#include "gateway/identity/caller_directory.h"
#include "gateway/in_flight.h"
#include "gateway/options.h"
#include "gateway/pin_table.h"
#include "gateway/principal_budgets.h"
#include "gateway/quota.h"
#include "gateway/stream_warden.h"

namespace stillframe {

struct GatewayContext {
  const ServingLimits& limits;
  const Clock& clock;
  const CallerDirectory& callers;
  const GuestGate& gate;
  AuditLog& audit;
  std::shared_ptr<StreamWarden> warden;
  PrincipalBudgets& budgets;
  std::shared_ptr<Quota> streams;
  CaptureRate& captures;
  GatewayMetrics& metrics;
  PinTable& pins;
  DaemonLink& link;
};

}  // namespace stillframe
