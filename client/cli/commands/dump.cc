#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <utility>
#include <vector>

#include "base/status.h"
#include "commands/commands.h"
#include "dump/dump_output.h"
#include "dump/dump_plan.h"
#include "dump/dump_writer.h"
#include "render/json.h"
#include "render/text.h"

namespace stillframe::cli {
namespace {

const char* FormatNameOf(DumpFormat format) {
  switch (format) {
    case DumpFormat::kElf:
      return "elf";
    case DumpFormat::kLime:
      return "lime";
    case DumpFormat::kRaw:
      break;
  }
  return "raw";
}

DumpPlan PlanFor(DumpFormat format, const std::vector<StatusExtent>& extents,
                 const v1::Snapshot& snapshot) {
  switch (format) {
    case DumpFormat::kElf:
      return PlanElf(extents, snapshot);
    case DumpFormat::kLime:
      return PlanLime(extents);
    case DumpFormat::kRaw:
      break;
  }
  return PlanRaw(extents);
}

using PageCounts = std::map<v1::PageStatus, std::uint64_t>;

std::string Summary(const Arguments& arguments, const v1::Snapshot& snapshot, const DumpPlan& plan,
                    const PageCounts& pages) {
  std::string text =
      fmt::format("{}: {} of {}, {}", arguments.output_path, FormatNameOf(arguments.format),
                  TitleOf(snapshot), FormatBytes(plan.file_bytes));
  std::string absent;
  for (const auto& [status, count] : pages) {
    const std::string part =
        fmt::format(", {} {}", FormatBytes(count << kPageShift), NameOf(status));
    (status == v1::PAGE_STATUS_PRESENT || status == v1::PAGE_STATUS_ZERO ? text : absent) += part;
  }
  if (!absent.empty()) text += "; not in it:" + absent.substr(1);
  return text + "\n";
}

Json SummaryJson(const Arguments& arguments, const v1::Snapshot& snapshot, const DumpPlan& plan,
                 const PageCounts& pages) {
  Json counts = Json::object();
  for (const auto& [status, count] : pages) counts[NameOf(status)] = count;
  return {{"path", arguments.output_path},       {"format", FormatNameOf(arguments.format)},
          {"guest_uuid", snapshot.guest_uuid()}, {"guest_name", snapshot.guest_name()},
          {"epoch", snapshot.epoch()},           {"generation", snapshot.generation()},
          {"file_bytes", plan.file_bytes},       {"pages", std::move(counts)}};
}

}  // namespace

absl::Status RunDump(const Session& session) {
  const Arguments& arguments = session.arguments;
  const bool to_stdout = arguments.output_path == "-";
  if (to_stdout && isatty(STDOUT_FILENO) == 1) {
    return absl::InvalidArgumentError(
        "dump -o -: stdout is a terminal; redirect it or name a file");
  }
  std::unique_ptr<DumpOutput> output;
  if (to_stdout) {
    output = MakeDumpStream(STDOUT_FILENO, "stdout");
  } else {
    SF_ASSIGN_OR_RETURN(output,
                        OpenDumpFile(arguments.output_path,
                                     arguments.force ? Existing::kReplace : Existing::kRefuse));
  }

  SF_ASSIGN_OR_RETURN(const auto reader, session.OpenSnapshot());
  const v1::Snapshot& snapshot = reader->metadata();
  std::vector<StatusExtent> extents;
  PageCounts pages;
  SF_RETURN_IF_ERROR(reader->ForEachAllocatedExtent(
      [&](GfnRange range, v1::PageStatus status) {
        extents.push_back({range, status});
        pages[status] += range.pages;
        return absl::OkStatus();
      },
      session.stop));

  const DumpPlan plan = PlanFor(arguments.format, extents, snapshot);
  DumpWriter writer(plan, *output);
  Progress progress(fmt::format("dump {}", TitleOf(snapshot)),
                    pages[v1::PAGE_STATUS_PRESENT] << kPageShift, arguments.progress);
  SF_RETURN_IF_ERROR(reader->ReadPages(
      {}, EmptyRuns::kSkip,
      [&](const PageRun& run) {
        progress.Advance(run.range.bytes());
        return writer.Add(run.range, run.bytes);
      },
      session.stop));
  SF_RETURN_IF_ERROR(writer.Finish());
  if (session.json() && !to_stdout) {
    return Print(JsonDocument(SummaryJson(arguments, snapshot, plan, pages)));
  }
  fmt::print(stderr, "{}", Summary(arguments, snapshot, plan, pages));
  return absl::OkStatus();
}

}  // namespace stillframe::cli
