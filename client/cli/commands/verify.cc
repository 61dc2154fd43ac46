#include <fmt/format.h>

#include <algorithm>

#include "base/reason.h"
#include "base/status.h"
#include "commands/commands.h"
#include "introspect/torn_pages.h"
#include "render/json.h"

namespace stillframe::cli {
namespace {

struct Verified {
  std::string snapshot;
  std::uint64_t generation = 0;
  TornVerdict verdict;
};

absl::StatusOr<Verified> VerifyOne(const Session& session, const v1::SnapshotSelector& selector) {
  SF_ASSIGN_OR_RETURN(const auto reader, session.connection.OpenSnapshot(selector));
  const v1::Snapshot& snapshot = reader->metadata();
  Progress progress(fmt::format("verify {}", TitleOf(snapshot)),
                    snapshot.pages_present() << kPageShift, session.arguments.progress);
  TornPages stamped;
  const absl::Status read = reader->ReadPages(
      {}, EmptyRuns::kSkip,
      [&](const PageRun& run) -> absl::Status {
        for (std::size_t at = 0; at < run.bytes.size(); at += kPageBytes) {
          SF_RETURN_IF_ERROR(stamped.Add(run.bytes.subspan(at).first<kPageBytes>()));
        }
        progress.Advance(run.range.bytes());
        return absl::OkStatus();
      },
      session.stop);
  if (!read.ok()) return read;
  const TornVerdict verdict = stamped.Judge(session.arguments.pages);
  if (verdict.pages == 0) {
    return absl::FailedPreconditionError(fmt::format(
        "verify {}: the guest does not run the torn-page workload (no stamped page found)",
        TitleOf(snapshot)));
  }
  return Verified{TitleOf(snapshot), snapshot.generation(), verdict};
}

std::string Line(const Verified& verified) {
  const TornVerdict& verdict = verified.verdict;
  if (!verdict.consistent) return fmt::format("{}: TORN: {}\n", verified.snapshot, verdict.reason);
  return fmt::format("{}: consistent: {} pages, pass {}, page {} is next\n", verified.snapshot,
                     verdict.pages, verdict.sequence, verdict.next_page);
}

Json ToJson(const Verified& verified) {
  const TornVerdict& verdict = verified.verdict;
  return {{"generation", verified.generation}, {"consistent", verdict.consistent},
          {"reason", verdict.reason},          {"stamped_pages", verdict.pages},
          {"sequence", verdict.sequence},      {"next_page", verdict.next_page}};
}

// Verifies generations one after another and keeps the score.
class Verification {
 public:
  explicit Verification(const Session& session) : session_(session) {}

  absl::Status Verify(const v1::SnapshotSelector& selector) {
    SF_ASSIGN_OR_RETURN(const Verified verified, VerifyOne(session_, selector));
    ++count_;
    if (!verified.verdict.consistent) ++torn_;
    results_.push_back(ToJson(verified));
    return session_.json() ? absl::OkStatus() : Print(Line(verified));
  }

  std::uint64_t count() const { return count_; }

  absl::Status Finish() const {
    if (session_.json()) {
      SF_RETURN_IF_ERROR(Print(
          JsonDocument({{"consistent", torn_ == 0}, {"torn", torn_}, {"generations", results_}})));
    } else if (count_ > 1) {
      SF_RETURN_IF_ERROR(Print(fmt::format("{} of {} consistent\n", count_ - torn_, count_)));
    }
    if (torn_ == 0) return absl::OkStatus();
    return WithReason(absl::DataLossError(fmt::format("{} of {} generations of {} torn", torn_,
                                                      count_, session_.arguments.snapshot.guest)),
                      "SNAPSHOT_TORN");
  }

 private:
  const Session& session_;
  Json results_ = Json::array();
  std::uint64_t count_ = 0;
  std::uint64_t torn_ = 0;
};

}  // namespace

absl::Status RunVerify(const Session& session) {
  const Arguments& arguments = session.arguments;
  Verification verification(session);
  if (arguments.count <= 1) {
    SF_RETURN_IF_ERROR(
        verification.Verify(Select(arguments.snapshot.guest, arguments.snapshot.generation)));
    return verification.Finish();
  }
  WatchOptions options;
  options.guest = arguments.snapshot.guest;
  options.from_generation = arguments.snapshot.generation;
  SF_ASSIGN_OR_RETURN(const auto watch, session.connection.Watch(options, session.stop));
  while (verification.count() < arguments.count) {
    SF_ASSIGN_OR_RETURN(const auto event, watch->Next());
    if (event.has_missed() && event.missed().last_generation() > 0) {
      return absl::OutOfRangeError(
          fmt::format("verify {}: generations {} to {} were gone before they could be read; keep "
                      "more generations or capture less often",
                      arguments.snapshot.guest, event.missed().first_generation(),
                      event.missed().last_generation()));
    }
    if (event.has_guest_gone()) {
      return WithReason(absl::NotFoundError(
                            fmt::format("verify {}: the guest is gone", arguments.snapshot.guest)),
                        "GUEST_GONE");
    }
    if (!event.has_published()) continue;
    SF_RETURN_IF_ERROR(verification.Verify(
        Select(event.guest_uuid(), event.published().generation(), event.epoch())));
  }
  return verification.Finish();
}

}  // namespace stillframe::cli
