#include "gateway/audit/audit_sinks.h"

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/status.h"
#include "base/unique_fd.h"

namespace stillframe {
namespace {

absl::StatusOr<UniqueFd> OpenToAppend(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!fd.valid()) return ErrnoStatus(errno, fmt::format("open audit log {}", path));
  return fd;
}

class FileSink final : public AuditSink {
 public:
  FileSink(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  absl::Status Write(std::span<const AuditRecord> records) override {
    if (!fd_.valid()) {
      SF_ASSIGN_OR_RETURN(fd_, OpenToAppend(path_));
    }
    if (!begun_) {
      for (const AuditRecord& record : records) left_ += record.ToJson() + "\n";
      begun_ = true;
    }
    while (!left_.empty()) {
      const ssize_t written = write(fd_.get(), left_.data(), left_.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return ErrnoStatus(errno, fmt::format("write audit log {}", path_));
      left_.erase(0, static_cast<std::size_t>(written));
    }
    begun_ = false;
    return absl::OkStatus();
  }

  void Reopen() override { fd_.reset(); }

 private:
  const std::string path_;
  UniqueFd fd_;
  bool begun_ = false;  // the records being written are in left_
  std::string left_;
};

class JournalSink final : public AuditSink {
 public:
  absl::Status Write(std::span<const AuditRecord> records) override {
    for (; done_ < records.size(); ++done_) {
      const int error = Send(records[done_]);
      if (error < 0) return ErrnoStatus(-error, "write an audit record to the journal");
    }
    done_ = 0;
    return absl::OkStatus();
  }

 private:
  static int Send(const AuditRecord& record) {
    std::vector<std::string> fields = {
        "MESSAGE=" + record.ToText(), fmt::format("PRIORITY={}", LOG_INFO),
        fmt::format("SYSLOG_FACILITY={}", LOG_AUTHPRIV >> 3), "SYSLOG_IDENTIFIER=stillframe-audit",
        fmt::format("STILLFRAME_BYTES={}", record.bytes)};
    const auto add = [&fields](const char* name, const std::string& value) {
      if (!value.empty()) fields.push_back(fmt::format("STILLFRAME_{}={}", name, value));
    };
    add("PRINCIPAL", record.principal);
    add("PEER", record.peer);
    add("METHOD", record.method);
    add("GUEST", record.guest_name);
    add("GUEST_UUID", record.guest_uuid);
    add("EPOCH", record.epoch);
    if (record.generation != 0) add("GENERATION", std::to_string(record.generation));
    add("RANGES", record.ranges);
    add("CODE", record.code);
    add("REASON", record.reason);
    std::vector<iovec> parts;
    for (std::string& field : fields) parts.push_back({field.data(), field.size()});
    return sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
  }

  std::size_t done_ = 0;  // of the records being written
};

}  // namespace

absl::StatusOr<std::unique_ptr<AuditSink>> OpenAuditFile(const std::string& path) {
  SF_ASSIGN_OR_RETURN(UniqueFd fd, OpenToAppend(path));
  return std::make_unique<FileSink>(path, std::move(fd));
}

std::unique_ptr<AuditSink> OpenAuditJournal() { return std::make_unique<JournalSink>(); }

}  // namespace stillframe
