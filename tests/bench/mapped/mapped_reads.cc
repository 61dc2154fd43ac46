#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "bench/mapped/contest.h"
#include "bench/mapped/memories.h"
#include "bench/mapped/patterns.h"
#include "bench/mapped/subject.h"
#include "bench/mapped/tables.h"
#include "bench/server/bench_daemon.h"

namespace stillframe::bench {
namespace {

constexpr std::size_t kPageMapWay = 1;

// `read` takes any of the memories.
template <typename Read>
Contest AmongMemories(std::string pattern, std::uint64_t accesses, std::size_t access_bytes,
                      const Subject& subject, Read read) {
  Contest contest{std::move(pattern), accesses, access_bytes};
  const PlainMemory plain(subject.plain.data());
  const PageMapMemory page_map(*subject.pinned);
  const PlainMemory flat(subject.flat->bytes().data());
  const ReaderMemory reader(*subject.reader);
  const FileMemory file(subject.file.get());
  contest.ways.push_back({"plain mapping", [=] { return read(plain); }});
  contest.ways.push_back({"through the page map", [=] { return read(page_map); }});
  contest.ways.push_back({"flat view", [=] { return read(flat); }});
  contest.ways.push_back({"ReadAt", [=] { return read(reader); }});
  contest.ways.push_back({"pread", [=] { return read(file); }});
  return contest;
}

std::uint64_t SumOfRuns(SnapshotReader& reader) {
  std::uint64_t sum = 0;
  const absl::Status status = reader.ReadPages({}, EmptyRuns::kReport, [&sum](const PageRun& run) {
    sum += SumOf(run.bytes);
    return absl::OkStatus();
  });
  return status.ok() ? sum : 0;
}

std::uint64_t SumOfFile(const Subject& subject) {
  std::vector<std::byte> piece(std::size_t{1} << 20);
  const FileMemory file(subject.file.get());
  std::uint64_t sum = 0;
  for (std::uint64_t at = 0; at < subject.bytes(); at += piece.size()) {
    file.Copy(at, piece);
    sum += SumOf(piece);
  }
  return sum;
}

Contest AmongScans(const Subject& unchanged, const Subject& changed) {
  Contest contest{"scan of it all", changed.bytes() >> kPageShift, kPageBytes};
  contest.ways.push_back({"plain mapping", [&] { return SumOf(changed.plain.span()); }});
  contest.ways.push_back({"through the page map", [&] { return SumOfRuns(*changed.reader); }});
  contest.ways.push_back(
      {"the same, no page elsewhere", [&] { return SumOfRuns(*unchanged.reader); }});
  contest.ways.push_back({"flat view", [&] { return SumOf(changed.flat->bytes()); }});
  contest.ways.push_back({"pread, 1 MiB each", [&] { return SumOfFile(changed); }});
  return contest;
}

}  // namespace

absl::Status MeasureMapped(const BenchServer& server, Effort effort, Report& report,
                           Targets& targets) {
  constexpr std::uint64_t kWords = 400'000;
  constexpr std::uint64_t kPages = 20'000;
  const int rounds = effort == Effort::kFull ? 31 : 9;
  SF_ASSIGN_OR_RETURN(const Subject unchanged, Subject::Open(server, 1));
  SF_ASSIGN_OR_RETURN(const Subject subject, Subject::Open(server, 2));
  const RandomPages random(subject.bytes(), 7);
  std::vector<Contest> contests;
  contests.push_back(AmongScans(unchanged, subject));
  contests.push_back(AmongMemories("8 B, at random", kWords, 8, subject, [=](const auto& memory) {
    return WordsAtRandom(memory, random, kWords);
  }));
  contests.push_back(
      AmongMemories("8 B, each says where the next is", kWords / 4, 8, subject,
                    [](const auto& memory) { return Chase(memory, MeshAddress(0), kWords / 4); }));
  contests.push_back(AmongMemories("8 B, in order", kWords, 8, subject, [](const auto& memory) {
    return WordsInOrder(memory, kWords);
  }));
  contests.push_back(
      AmongMemories("4 KiB, at random", kPages, kPageBytes, subject,
                    [=](const auto& memory) { return PagesAtRandom(memory, random, kPages); }));
  contests.push_back(
      AmongMemories("4 KiB, in order", kPages, kPageBytes, subject,
                    [](const auto& memory) { return PagesInOrder(memory, kPages); }));
  Table table(fmt::format("Reads of a mapped snapshot of {} MiB, 1 % of its pages elsewhere",
                          subject.bytes() >> 20),
              {"what", "how", "ns each", "GiB/s", "times plain"});
  for (Contest& contest : contests) {
    SF_RETURN_IF_ERROR(Hold(contest, rounds));
    for (std::size_t i = 0; i < contest.ways.size(); ++i) {
      const double ns = contest.ways[i].seconds.Median() * 1e9 / double(contest.accesses);
      table.AddRow({contest.pattern, contest.ways[i].name, Number{ns, 1},
                    Number{double(contest.access_bytes) / ns * 1e9 / (1 << 30)},
                    Number{contest.TimesPlain(i)}});
    }
  }
  report.Add(std::move(table));
  targets.AtLeast("scan through the page map: speed of a flat mapping",
                  1 / contests[0].TimesPlain(kPageMapWay), 0.95);
  targets.AtMost("8 B at random through the page map: times a flat mapping",
                 contests[1].TimesPlain(kPageMapWay), 1.8);
  return absl::OkStatus();
}

}  // namespace stillframe::bench
