#include "gateway/audit/audit_log.h"

#include <spdlog/spdlog.h>

#include <chrono>

#include "base/reason.h"
#include "base/status.h"

namespace stillframe {
namespace {

constexpr std::chrono::milliseconds kRetryPause{1000};

}  // namespace

AuditLog::AuditLog(std::vector<std::unique_ptr<AuditSink>> sinks, std::size_t records_max)
    : sinks_(std::move(sinks)), records_max_(records_max), thread_([this] { Run(); }) {}

AuditLog::~AuditLog() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

absl::StatusOr<AuditLog::Place> AuditLog::Reserve() {
  MutexLock lock(mu_);
  if (!sinks_.empty() && statistics_.places_taken >= records_max_) {
    ++statistics_.refused;
    return WithReason(absl::UnavailableError("the audit log is behind: what cannot be recorded is "
                                             "not done; try again, or see the gateway's log"),
                      "AUDIT_BEHIND");
  }
  ++statistics_.places_taken;
  return Place(*this);
}

void AuditLog::GiveBack() {
  MutexLock lock(mu_);
  --statistics_.places_taken;
}

void AuditLog::Put(AuditRecord record) {
  MutexLock lock(mu_);
  if (sinks_.empty()) {
    --statistics_.places_taken;
    return;
  }
  waiting_.push_back(std::move(record));
  changed_.NotifyAll();
}

void AuditLog::Reopen() {
  MutexLock lock(mu_);
  reopen_ = true;
}

AuditLog::Statistics AuditLog::statistics() const {
  MutexLock lock(mu_);
  return statistics_;
}

bool AuditLog::WriteAll(std::span<const AuditRecord> records) {
  for (const auto& sink : sinks_) {
    bool said = false;
    while (true) {
      const absl::Status written = sink->Write(records);
      if (written.ok()) break;
      if (!std::exchange(said, true)) {
        spdlog::error("audit log: {}; calls are refused once its places are taken",
                      MessageOf(written));
      }
      MutexLock lock(mu_);
      ++statistics_.failures;
      if (stopping_) return false;
      changed_.WaitFor(mu_, kRetryPause);
    }
    if (said) spdlog::info("audit log: written again");
  }
  return true;
}

void AuditLog::Run() {
  std::vector<AuditRecord> records;
  while (true) {
    bool reopen = false;
    bool last = false;
    {
      MutexLock lock(mu_);
      while (!stopping_ && waiting_.empty()) changed_.Wait(mu_);
      reopen = std::exchange(reopen_, false);
      last = stopping_;
      records.swap(waiting_);
    }
    if (reopen) {
      for (const auto& sink : sinks_) sink->Reopen();
    }
    if (!records.empty() && !WriteAll(records)) {
      spdlog::error("audit log: {} records are lost", records.size());
    }
    {
      MutexLock lock(mu_);
      statistics_.written += records.size();
      statistics_.places_taken -= records.size();
      if (last && waiting_.empty()) return;
    }
    records.clear();
  }
}

}  // namespace stillframe
