// The record of every call. Nothing is lost: a call that has no place in it is not served.
//
// Thread-safe. A thread of its own writes. Records whose writing fails stay, and are tried again
// every second; once all places are taken, new calls are refused until there is room.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "gateway/audit/audit_record.h"

namespace stillframe {

// Where records go. Used by one thread, but for Reopen.
class AuditSink {
 public:
  virtual ~AuditSink() = default;

  // Writes all of them. After an error it is called with the same records again, and must not
  // repeat what it had written.
  virtual absl::Status Write(std::span<const AuditRecord> records) = 0;

  // Before the next Write: the file may have been rotated.
  virtual void Reopen() {}
};

class AuditLog {
 public:
  // Without sinks it takes everything and writes nothing.
  AuditLog(std::vector<std::unique_ptr<AuditSink>> sinks, std::size_t records_max);

  // Tries once more to write what is left, and says how much is not.
  ~AuditLog();

  // Room for one record; given back unused when it goes.
  class Place {
   public:
    explicit Place(AuditLog& log) : log_(&log) {}
    Place(Place&& other) noexcept : log_(std::exchange(other.log_, nullptr)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (log_ != nullptr) log_->GiveBack();
    }

    // Once.
    void Put(AuditRecord record) { std::exchange(log_, nullptr)->Put(std::move(record)); }

   private:
    AuditLog* log_;
  };

  // UNAVAILABLE with reason AUDIT_BEHIND: every place is taken.
  absl::StatusOr<Place> Reserve() ABSL_LOCKS_EXCLUDED(mu_);

  void Reopen() ABSL_LOCKS_EXCLUDED(mu_);

  struct Statistics {
    std::uint64_t written = 0;
    std::uint64_t refused = 0;   // calls for want of a place
    std::uint64_t failures = 0;  // of writing
    std::uint64_t places_taken = 0;
  };
  Statistics statistics() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Put(AuditRecord record) ABSL_LOCKS_EXCLUDED(mu_);
  void GiveBack() ABSL_LOCKS_EXCLUDED(mu_);
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  bool WriteAll(std::span<const AuditRecord> records) ABSL_LOCKS_EXCLUDED(mu_);

  const std::vector<std::unique_ptr<AuditSink>> sinks_;
  const std::size_t records_max_;

  mutable Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool reopen_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<AuditRecord> waiting_ ABSL_GUARDED_BY(mu_);
  Statistics statistics_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace stillframe
