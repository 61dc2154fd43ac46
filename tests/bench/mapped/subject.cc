#include "bench/mapped/subject.h"

#include <chrono>
#include <cstring>

#include "base/memfd.h"
#include "base/status.h"
#include "bench/server/bench_daemon.h"

namespace stillframe::bench {

absl::StatusOr<Subject> Subject::Open(const BenchServer& server, std::uint64_t generation) {
  Subject subject;
  const v1::SnapshotSelector selector = Select(kBenchGuest, generation);
  SF_ASSIGN_OR_RETURN(subject.client, LocalClient::Connect(server.daemon_socket()));
  SF_ASSIGN_OR_RETURN(subject.pinned, subject.client->Pin(selector, std::chrono::milliseconds{0}));
  SF_ASSIGN_OR_RETURN(const auto connection, Connection::Open(server.local_target()));
  SF_ASSIGN_OR_RETURN(subject.reader, connection->OpenSnapshot(selector));
  SF_ASSIGN_OR_RETURN(subject.flat, subject.reader->OpenFlat());

  const std::uint64_t bytes = subject.pinned->page_count() << kPageShift;
  SF_ASSIGN_OR_RETURN(subject.file, CreateMemfd("bench-plain", bytes));
  SF_ASSIGN_OR_RETURN(Mapping writable,
                      Mapping::Shared(subject.file.get(), 0, bytes, Access::kReadWrite));
  SF_RETURN_IF_ERROR(
      subject.reader->ReadPages({}, EmptyRuns::kReport, [&writable](const PageRun& run) {
        std::memcpy(writable.data() + run.range.first.address(), run.bytes.data(),
                    run.bytes.size());
        return absl::OkStatus();
      }));
  SF_ASSIGN_OR_RETURN(subject.plain,
                      Mapping::Shared(subject.file.get(), 0, bytes, Access::kReadOnly));
  SF_RETURN_IF_ERROR(subject.plain.Populate(Access::kReadOnly));
  return subject;
}

}  // namespace stillframe::bench
