// Files and the journal as places for audit records.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gateway/audit/audit_log.h"

namespace stillframe {

// Appends a line of JSON for each record. Makes the file (0640) if it is not there. What errno
// means: it cannot be opened.
absl::StatusOr<std::unique_ptr<AuditSink>> OpenAuditFile(const std::string& path);

// SYSLOG_IDENTIFIER=stillframe-audit, with fields STILLFRAME_PRINCIPAL, _PEER, _METHOD, _GUEST,
// _GUEST_UUID, _GENERATION, _RANGES, _BYTES, _CODE and _REASON.
std::unique_ptr<AuditSink> OpenAuditJournal();

}  // namespace stillframe
