// One call on its way through the gateway: who makes it, what it may do, what it takes, and the
// record that is written when it is over.
//
// Used by one thread at a time, but for MaySee and Revoked.
#pragma once

#include <grpcpp/server_context.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/audit/audit_log.h"
#include "gateway/gateway_context.h"
#include "gateway/identity/caller.h"
#include "gateway/quota.h"
#include "local/pinned_snapshot.h"
#include "stillframe/v1/guest.pb.h"
#include "stillframe/v1/snapshot.pb.h"

namespace stillframe {

class GatewayCall {
 public:
  // `method`: "MemoryService/ReadPages".
  GatewayCall(const GatewayContext& context, grpc::CallbackServerContext* call,
              std::string_view method);

  // Writes the record; a call whose end nobody told was given up by its caller.
  ~GatewayCall();
  GatewayCall(const GatewayCall&) = delete;
  GatewayCall& operator=(const GatewayCall&) = delete;

  // Who it is; the first thing to ask. UNAUTHENTICATED (IDENTITY_INVALID), UNAVAILABLE
  // (AUDIT_BEHIND).
  absl::Status Identify();

  // Identify, and that it may be served at all: PERMISSION_DENIED (NOTHING_GRANTED).
  absl::Status Admit();

  // Admit, and a place among the open streams until End: RESOURCE_EXHAUSTED.
  absl::Status AdmitStream(std::string_view attempt);

  // As GuestGate has them; what was asked for and found goes into the record.
  absl::StatusOr<std::vector<v1::Guest>> ListGuests();
  absl::StatusOr<v1::Guest> GetGuest(const std::string& guest);
  absl::StatusOr<std::string> Authorize(const std::string& guest, Right right);
  absl::StatusOr<std::shared_ptr<PinnedSnapshot>> Pin(const v1::SnapshotSelector& selector,
                                                      Right right);

  // Whether events about that guest may be told. Any thread.
  bool MaySee(const std::string& guest_name, const std::string& guest_uuid) const;

  // For calls that last: whether all that was granted so far still is. Cheap while neither policy
  // nor certificates changed.
  absl::Status CheckStill();

  // Whether nothing at all is granted any more. Any thread.
  bool Revoked() const;

  // Leaves out what the caller may not read: registers.
  void Redact(v1::Snapshot& snapshot) const;

  // The record's snapshot, ranges and bytes.
  void Tell(const v1::Snapshot& snapshot);
  void TellRanges(std::string ranges) { record_.ranges = std::move(ranges); }
  void TellBytes(std::uint64_t bytes) { record_.bytes += bytes; }

  // RESOURCE_EXHAUSTED: more than one request of this principal may ask for.
  absl::Status CheckRequestBytes(std::uint64_t bytes) const;

  // How it ended; the first one counts. To be told before the caller is.
  void End(const absl::Status& status);

  const GatewayContext& context() const { return context_; }
  const Principal& principal() const { return caller_.principal; }
  const Caller& caller() const { return caller_; }
  const PrincipalLimits& limits() const { return limits_; }
  grpc::CallbackServerContext* grpc() const { return call_; }

 private:
  struct Permit {
    std::string guest_name;
    std::string guest_uuid;
    Right right;
  };

  const GatewayContext& context_;
  grpc::CallbackServerContext* const call_;
  Caller caller_;
  PrincipalLimits limits_;
  std::uint64_t caller_version_ = 0;
  std::uint64_t policy_version_ = 0;
  std::vector<Permit> permits_;
  std::unique_ptr<Quota::Lease> stream_;

  std::uint64_t begin_ns_;
  std::optional<AuditLog::Place> place_;
  bool ended_ = false;
  AuditRecord record_;
};

}  // namespace stillframe
