// Where a daemon's log goes: into the journal with fields where standard error is the journal, else
// to standard error as text.
//
// Fields: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER and, of what is about a guest (base/log_context.h),
// GUEST, GUEST_UUID and GENERATION: `journalctl GUEST=web1`.
#pragma once

#include <spdlog/logger.h>
#include <spdlog/sinks/sink.h>
#include <sys/uio.h>

#include <functional>
#include <memory>
#include <span>
#include <string>

namespace stillframe {

// Whether systemd connected standard error to the journal (systemd.exec(5), JOURNAL_STREAM), and
// nobody put something else in its place since.
bool StandardErrorIsJournal();

// The log of the program called `program`; `pattern` is for text.
std::shared_ptr<spdlog::logger> MakeServiceLog(const std::string& program,
                                               const std::string& pattern = "");

// Takes one entry's fields, "NAME=value" each. False: it could not be stored.
using JournalEntry = std::function<bool(std::span<const iovec> fields)>;

// Sends entries to the journal, or to `send` in its place; what cannot be sent goes to standard
// error. Thread-safe.
std::shared_ptr<spdlog::sinks::sink> MakeJournalSink(std::string program,
                                                     JournalEntry send = nullptr);

}  // namespace stillframe
