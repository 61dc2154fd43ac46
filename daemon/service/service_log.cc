#include "service/service_log.h"

#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>
#include <vector>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/log_context.h"

namespace stillframe {
namespace {

// As syslog(3) numbers them.
int PriorityOf(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::critical:
      return 2;
    case spdlog::level::err:
      return 3;
    case spdlog::level::warn:
      return 4;
    case spdlog::level::info:
      return 6;
    default:
      return 7;
  }
}

bool SendToJournal(std::span<const iovec> fields) {
  return sd_journal_sendv(fields.data(), static_cast<int>(fields.size())) == 0;
}

class JournalSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  JournalSink(std::string program, JournalEntry send)
      : program_(std::move(program)), send_(std::move(send)) {}

 private:
  // On the thread that logs, so its context is at hand.
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string_view text(message.payload.data(), message.payload.size());
    const LogContext& context = CurrentLogContext();
    std::vector<std::string> entry = {fmt::format("MESSAGE={}", text),
                                      fmt::format("PRIORITY={}", PriorityOf(message.level)),
                                      fmt::format("SYSLOG_IDENTIFIER={}", program_)};
    if (!context.guest.empty()) entry.push_back(fmt::format("GUEST={}", context.guest));
    if (!context.guest_uuid.empty()) {
      entry.push_back(fmt::format("GUEST_UUID={}", context.guest_uuid));
    }
    if (context.generation != 0) entry.push_back(fmt::format("GENERATION={}", context.generation));
    std::vector<iovec> fields;
    fields.reserve(entry.size());
    for (std::string& field : entry) fields.push_back({field.data(), field.size()});
    if (!send_(fields)) fmt::print(stderr, "{}\n", text);
  }

  void flush_() override {}

  const std::string program_;
  const JournalEntry send_;
};

}  // namespace

bool StandardErrorIsJournal() {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  if (stream == nullptr) return false;
  struct stat error {};
  if (fstat(STDERR_FILENO, &error) != 0) return false;
  return fmt::format("{}:{}", error.st_dev, error.st_ino) == stream;
}

std::shared_ptr<spdlog::sinks::sink> MakeJournalSink(std::string program, JournalEntry send) {
  return std::make_shared<JournalSink>(std::move(program),
                                       send ? std::move(send) : JournalEntry(SendToJournal));
}

std::shared_ptr<spdlog::logger> MakeServiceLog(const std::string& program,
                                               const std::string& pattern) {
  if (StandardErrorIsJournal()) {
    return std::make_shared<spdlog::logger>(program, MakeJournalSink(program));
  }
  auto log = std::make_shared<spdlog::logger>(
      program, std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  if (!pattern.empty()) log->set_pattern(pattern);
  return log;
}

}  // namespace stillframe
