#include "soak/readers.h"

#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <random>

#include "base/status.h"
#include "introspect/torn_pages.h"
#include "soak/rest.h"
#include "soak/stamped_guest.h"
#include "stillframe/connection.h"

namespace stillframe::soak {
namespace {

using std::chrono::milliseconds;

enum class Kind { kRemotePages, kLocalPages, kRemoteScatter, kHeldFlat };
constexpr std::size_t kKinds = 4;

class Reader {
 public:
  Reader(std::size_t index, const ReaderSetup& setup, Tally& tally, std::stop_token stop)
      : kind_(static_cast<Kind>(index % kKinds)),
        setup_(setup),
        tally_(tally),
        stop_(std::move(stop)),
        random_(setup.seed * 1000 + index) {}

  void Run() {
    while (!stop_.stop_requested()) {
      const absl::Status read = ReadOne();
      if (!read.ok() && !stop_.stop_requested()) tally_.AddError(read);
      RestFor(milliseconds(50 + random_() % 400), stop_);
    }
  }

 private:
  bool is_local() const { return kind_ == Kind::kLocalPages || kind_ == Kind::kHeldFlat; }

  // What is wrong is counted here; the status returned is of the calls.
  absl::Status ReadOne() {
    if (connection_ == nullptr) {
      SF_ASSIGN_OR_RETURN(
          connection_, Connection::Open(is_local() ? setup_.local_target : setup_.gateway_target));
    }
    const std::string& guest = setup_.guests[random_() % setup_.guests.size()];
    v1::SnapshotSelector selector = Select(guest);
    if (kind_ == Kind::kHeldFlat) {
      SF_ASSIGN_OR_RETURN(const v1::Snapshot taken, connection_->Capture(guest, stop_));
      selector = Select(guest, taken.generation(), taken.epoch());
    }
    SF_ASSIGN_OR_RETURN(const std::unique_ptr<SnapshotReader> reader,
                        connection_->OpenSnapshot(selector));
    switch (kind_) {
      case Kind::kRemotePages:
      case Kind::kLocalPages:
        return ReadPages(*reader);
      case Kind::kRemoteScatter:
        return ReadScatter(*reader);
      case Kind::kHeldFlat:
        return ReadHeld(*reader);
    }
    return absl::OkStatus();
  }

  // What a call delivered counts only when it ended well.
  absl::Status Count(const absl::Status& call, const absl::Status& verdict, std::uint64_t pages) {
    if (!call.ok()) return call;
    ++tally_.reads;
    tally_.pages += pages;
    if (!verdict.ok()) tally_.AddWrong(MessageOf(verdict));
    return absl::OkStatus();
  }

  absl::Status ReadPages(SnapshotReader& reader) {
    absl::Status verdict;
    std::uint64_t pages = 0;
    const absl::Status read = reader.ReadPages(
        {}, EmptyRuns::kReport,
        [&](const PageRun& run) {
          if (run.range.first.value != pages) {
            verdict.Update(absl::InternalError("runs are out of order"));
          }
          pages = run.range.end().value;
          verdict.Update(JudgeRun(reader.metadata(), run));
          return absl::OkStatus();
        },
        stop_);
    if (pages != kRamPages) verdict.Update(absl::InternalError("pages were left out"));
    return Count(read, verdict, pages);
  }

  absl::Status ReadScatter(SnapshotReader& reader) {
    constexpr std::size_t kReads = 64;
    std::array<std::uint64_t, 2 * kReads> heads_and_tails{};
    std::array<ScatterRead, 2 * kReads> reads;
    for (std::size_t i = 0; i < reads.size(); i += 2) {
      const Gfn gfn = kWindow.first + random_() % kWindow.pages;
      reads[i].address = gfn.address() + kTornHeadOffset;
      reads[i + 1].address = gfn.address() + kTornTailOffset;
      for (const std::size_t at : {i, i + 1}) {
        reads[at].destination = std::as_writable_bytes(std::span(&heads_and_tails[at], 1));
      }
    }
    const absl::Status read = reader.ReadScatter(reads);
    absl::Status verdict;
    for (std::size_t i = 0; read.ok() && i < reads.size(); ++i) {
      const auto stamp = StampOf(reader.metadata(), Gfn::OfAddress(reads[i].address));
      verdict.Update(stamp.status());
      if (reads[i].copied != sizeof(std::uint64_t) ||
          (stamp.ok() && heads_and_tails[i] != stamp->head)) {
        verdict.Update(absl::InternalError("a small read has another stamp than the registers"));
      }
    }
    return Count(read, verdict, reads.size());
  }

  absl::Status ReadHeld(SnapshotReader& reader) {
    SF_ASSIGN_OR_RETURN(const std::unique_ptr<FlatView> flat, reader.OpenFlat(stop_));
    const auto judge = [&] {
      absl::Status verdict;
      for (Gfn gfn = kWindow.first; verdict.ok() && gfn < kWindow.end(); gfn = gfn + 1) {
        verdict = JudgePage(reader.metadata(), gfn,
                            std::span<const std::byte, kPageBytes>(
                                flat->bytes().data() + gfn.address(), kPageBytes));
      }
      return verdict;
    };
    const absl::Status first = judge();
    SF_RETURN_IF_ERROR(Count(flat->CheckHeld(), first, kWindow.pages));
    RestFor(milliseconds(random_() % 3000), stop_);
    const absl::Status second = judge();
    SF_RETURN_IF_ERROR(flat->CheckHeld());
    ++tally_.held_checks;
    if (!second.ok()) tally_.AddWrong("after it was held: " + MessageOf(second));
    return absl::OkStatus();
  }

  const Kind kind_;
  const ReaderSetup& setup_;
  Tally& tally_;
  const std::stop_token stop_;
  std::mt19937_64 random_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace

void RunReader(std::size_t index, const ReaderSetup& setup, Tally& tally, std::stop_token stop) {
  Reader(index, setup, tally, std::move(stop)).Run();
}

}  // namespace stillframe::soak
