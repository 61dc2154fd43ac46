#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/status.h"
#include "commands/commands.h"
#include "render/json.h"
#include "render/text.h"

namespace stillframe::cli {
namespace {

constexpr std::uint64_t kWindowPages = 256;
constexpr std::size_t kShownBytes = 16;

// Where two generations first differ in an extent, and what each has there. A page without bytes
// is named by its status instead.
struct Difference {
  std::uint64_t address = 0;
  std::array<std::string, 2> sides;
};

// Some pages of one generation: bytes (zeros where there are none) and a status each.
struct Window {
  std::vector<std::byte> bytes;
  std::vector<v1::PageStatus> status;
};

absl::Status Load(SnapshotReader& reader, GfnRange range, Window& window, std::stop_token stop) {
  window.bytes.assign(range.bytes(), std::byte{0});
  window.status.assign(range.pages, v1::PAGE_STATUS_UNSPECIFIED);
  return reader.ReadPages(
      {&range, 1}, EmptyRuns::kReport,
      [&](const PageRun& run) {
        const auto page = static_cast<std::ptrdiff_t>(run.range.first.value - range.first.value);
        std::fill_n(window.status.begin() + page, run.range.pages, run.status);
        std::copy(run.bytes.begin(), run.bytes.end(),
                  window.bytes.begin() + page * static_cast<std::ptrdiff_t>(kPageBytes));
        return absl::OkStatus();
      },
      std::move(stop));
}

bool HasBytes(v1::PageStatus status) {
  return status == v1::PAGE_STATUS_PRESENT || status == v1::PAGE_STATUS_ZERO;
}

std::string SideText(const Window& window, std::size_t page, std::size_t at) {
  if (!HasBytes(window.status[page])) return fmt::format("({})", NameOf(window.status[page]));
  std::string text;
  const std::size_t end = std::min(at + kShownBytes, (page + 1) * kPageBytes);
  for (; at < end; ++at) {
    text +=
        fmt::format("{}{:02x}", text.empty() ? "" : " ", static_cast<unsigned>(window.bytes[at]));
  }
  return text;
}

std::optional<Difference> Compare(GfnRange range, const Window& base, const Window& target) {
  for (std::size_t page = 0; page < range.pages; ++page) {
    const std::size_t begin = page * kPageBytes;
    std::size_t at = begin;
    if (HasBytes(base.status[page]) && HasBytes(target.status[page])) {
      const auto* first = base.bytes.data() + begin;
      const auto* other = target.bytes.data() + begin;
      at = begin +
           static_cast<std::size_t>(std::mismatch(first, first + kPageBytes, other).first - first);
      if (at == begin + kPageBytes) continue;
    } else if (base.status[page] == target.status[page]) {
      continue;
    }
    return Difference{range.first.address() + at,
                      {SideText(base, page, at), SideText(target, page, at)}};
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<Difference>> FirstDifference(SnapshotReader& base,
                                                          SnapshotReader& target, GfnRange extent,
                                                          const std::stop_token& stop) {
  Window before;
  Window after;
  for (std::uint64_t done = 0; done < extent.pages; done += kWindowPages) {
    const GfnRange part{extent.first + done, std::min(kWindowPages, extent.pages - done)};
    SF_RETURN_IF_ERROR(Load(base, part, before, stop));
    SF_RETURN_IF_ERROR(Load(target, part, after, stop));
    if (auto difference = Compare(part, before, after)) return difference;
  }
  return std::optional<Difference>();
}

struct DiffLine {
  GfnRange extent;
  std::optional<Difference> first;
};

std::string DiffText(const v1::Snapshot& base, const v1::Snapshot& target,
                     const std::vector<DiffLine>& lines, std::uint64_t pages) {
  Table table(
      {{"FIRST"}, {"LAST"}, {"PAGES", Table::Align::kRight}, {"SIZE", Table::Align::kRight}});
  for (const DiffLine& line : lines) {
    table.AddRow({fmt::format("{:#014x}", line.extent.first.address()),
                  fmt::format("{:#014x}", line.extent.end().address() - 1),
                  std::to_string(line.extent.pages), FormatBytes(line.extent.bytes())});
  }
  std::string text = lines.empty() ? "" : table.ToString() + "\n";
  for (const DiffLine& line : lines) {
    if (!line.first.has_value()) continue;
    text += fmt::format("{:#014x}  {:>6}: {}\n{:14}  {:>6}: {}\n", line.first->address,
                        base.generation(), line.first->sides[0], "", target.generation(),
                        line.first->sides[1]);
  }
  return text + fmt::format("{} to {}: {} pages ({}) in {} extents\n", TitleOf(base),
                            target.generation(), pages, FormatBytes(pages << kPageShift),
                            lines.size());
}

Json DiffJson(const v1::Snapshot& base, const v1::Snapshot& target,
              const std::vector<DiffLine>& lines, std::uint64_t pages) {
  Json extents = Json::array();
  for (const DiffLine& line : lines) {
    Json extent = {{"first_gfn", line.extent.first.value}, {"page_count", line.extent.pages}};
    if (line.first.has_value()) {
      extent["first_difference"] = {{"address", fmt::format("{:#x}", line.first->address)},
                                    {"base", line.first->sides[0]},
                                    {"target", line.first->sides[1]}};
    }
    extents.push_back(std::move(extent));
  }
  return {{"guest_uuid", target.guest_uuid()},
          {"guest_name", target.guest_name()},
          {"epoch", target.epoch()},
          {"base_generation", base.generation()},
          {"target_generation", target.generation()},
          {"page_count", pages},
          {"extents", std::move(extents)}};
}

}  // namespace

absl::Status RunDiff(const Session& session) {
  const Arguments& arguments = session.arguments;
  SF_ASSIGN_OR_RETURN(const auto target, session.OpenSnapshot());
  SF_ASSIGN_OR_RETURN(const auto base, session.connection.OpenSnapshot(Select(
                                           target->metadata().guest_uuid(),
                                           arguments.base_generation, target->metadata().epoch())));
  std::vector<DiffLine> lines;
  std::uint64_t pages = 0;
  SF_RETURN_IF_ERROR(target->ForEachChangedExtent(
      Generation{base->metadata().generation()}, arguments.coalesce_pages,
      [&](GfnRange extent) {
        lines.push_back({extent, std::nullopt});
        pages += extent.pages;
        return absl::OkStatus();
      },
      session.stop));
  if (arguments.bytes) {
    Progress progress(fmt::format("diff {}", TitleOf(target->metadata())), pages << kPageShift,
                      arguments.progress);
    for (DiffLine& line : lines) {
      SF_ASSIGN_OR_RETURN(line.first, FirstDifference(*base, *target, line.extent, session.stop));
      progress.Advance(line.extent.bytes());
    }
  }
  return Print(session.json()
                   ? JsonDocument(DiffJson(base->metadata(), target->metadata(), lines, pages))
                   : DiffText(base->metadata(), target->metadata(), lines, pages));
}

}  // namespace stillframe::cli
