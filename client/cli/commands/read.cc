#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/reason.h"
#include "base/status.h"
#include "commands/commands.h"
#include "dump/dump_output.h"
#include "render/hex_dump.h"
#include "render/json.h"
#include "render/text.h"

namespace stillframe::cli {
namespace {

// JSON is built whole.
constexpr std::uint64_t kJsonBytesMax = std::uint64_t{16} << 20;

// Takes the bytes that were asked for, in order.
class ReadTarget {
 public:
  virtual ~ReadTarget() = default;
  virtual absl::Status Add(std::span<const std::byte> bytes) = 0;
  virtual absl::Status Finish() = 0;
};

class RawTarget final : public ReadTarget {
 public:
  explicit RawTarget(std::unique_ptr<DumpOutput> output) : output_(std::move(output)) {}
  absl::Status Add(std::span<const std::byte> bytes) override {
    SF_RETURN_IF_ERROR(output_->Write(position_, bytes));
    position_ += bytes.size();
    return absl::OkStatus();
  }
  absl::Status Finish() override { return output_->Finish(position_); }

 private:
  const std::unique_ptr<DumpOutput> output_;
  std::uint64_t position_ = 0;
};

class HexTarget final : public ReadTarget {
 public:
  HexTarget(std::unique_ptr<DumpOutput> output, std::uint64_t address)
      : raw_(std::move(output)), dump_(address) {}
  absl::Status Add(std::span<const std::byte> bytes) override {
    text_.clear();
    dump_.Add(bytes, text_);
    return Flush();
  }
  absl::Status Finish() override {
    text_.clear();
    dump_.Finish(text_);
    SF_RETURN_IF_ERROR(Flush());
    return raw_.Finish();
  }

 private:
  absl::Status Flush() { return raw_.Add(std::as_bytes(std::span(text_))); }

  RawTarget raw_;
  HexDump dump_;
  std::string text_;
};

class JsonTarget final : public ReadTarget {
 public:
  JsonTarget(std::unique_ptr<DumpOutput> output, const v1::Snapshot& snapshot,
             const Arguments& arguments)
      : raw_(std::move(output)) {
    json_["guest_uuid"] = snapshot.guest_uuid();
    json_["guest_name"] = snapshot.guest_name();
    json_["epoch"] = snapshot.epoch();
    json_["generation"] = snapshot.generation();
    json_["address"] = fmt::format("{:#x}", arguments.address);
    json_["length"] = arguments.length;
  }
  absl::Status Add(std::span<const std::byte> bytes) override {
    for (const std::byte byte : bytes) hex_ += fmt::format("{:02x}", static_cast<unsigned>(byte));
    return absl::OkStatus();
  }
  absl::Status Finish() override {
    json_["data_hex"] = hex_;
    const std::string text = JsonDocument(json_);
    SF_RETURN_IF_ERROR(raw_.Add(std::as_bytes(std::span(text))));
    return raw_.Finish();
  }

 private:
  RawTarget raw_;
  Json json_ = Json::object();
  std::string hex_;
};

absl::StatusOr<std::unique_ptr<ReadTarget>> MakeTarget(const Session& session,
                                                       const v1::Snapshot& snapshot) {
  const Arguments& arguments = session.arguments;
  std::unique_ptr<DumpOutput> output;
  bool terminal = false;
  if (arguments.output_path.empty() || arguments.output_path == "-") {
    output = MakeDumpStream(STDOUT_FILENO, "stdout");
    terminal = isatty(STDOUT_FILENO) == 1;
  } else {
    SF_ASSIGN_OR_RETURN(output,
                        OpenDumpFile(arguments.output_path,
                                     arguments.force ? Existing::kReplace : Existing::kRefuse));
  }
  if (session.json()) return std::make_unique<JsonTarget>(std::move(output), snapshot, arguments);
  if (arguments.hex || terminal) {
    return std::make_unique<HexTarget>(std::move(output), arguments.address);
  }
  return std::make_unique<RawTarget>(std::move(output));
}

absl::Status CheckInside(const v1::Snapshot& snapshot, std::uint64_t address,
                         std::uint64_t length) {
  const std::uint64_t end = snapshot.page_count() << kPageShift;
  if (length <= end && address <= end - length) return absl::OkStatus();
  return WithReason(absl::OutOfRangeError(fmt::format(
                        "read {} at {:#x} of {}: its memory ends at {:#x} ({})",
                        FormatBytes(length), address, TitleOf(snapshot), end, FormatBytes(end))),
                    "RANGE_PAST_END");
}

// One run's part of [address, address + length): bytes of it, zeros, or the fill byte.
absl::Status AddRun(const PageRun& run, const Arguments& arguments, const v1::Snapshot& snapshot,
                    ReadTarget& target) {
  const std::uint64_t first = std::max(run.range.first.address(), arguments.address);
  const std::uint64_t end =
      std::min(run.range.end().address(), arguments.address + arguments.length);
  if (run.status == v1::PAGE_STATUS_PRESENT) {
    return target.Add(run.bytes.subspan(first - run.range.first.address(), end - first));
  }
  std::byte fill{0};
  if (run.status != v1::PAGE_STATUS_ZERO) {
    if (!arguments.fill.has_value()) {
      return absl::DataLossError(fmt::format(
          "read {}: the page at {:#x} has no bytes ({}); --fill reads such pages as zeros",
          TitleOf(snapshot), run.range.first.address(), NameOf(run.status)));
    }
    fill = static_cast<std::byte>(*arguments.fill);
  }
  const std::vector<std::byte> filled(std::min<std::uint64_t>(end - first, 1u << 20), fill);
  for (std::uint64_t at = first; at < end; at += filled.size()) {
    SF_RETURN_IF_ERROR(
        target.Add(std::span(filled).first(std::min<std::uint64_t>(end - at, filled.size()))));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunRead(const Session& session) {
  const Arguments& arguments = session.arguments;
  if (session.json() && arguments.length > kJsonBytesMax) {
    return absl::InvalidArgumentError(fmt::format(
        "read --json: at most {}; read more without --json", FormatBytes(kJsonBytesMax)));
  }
  SF_ASSIGN_OR_RETURN(const auto reader, session.OpenSnapshot());
  const v1::Snapshot& snapshot = reader->metadata();
  SF_RETURN_IF_ERROR(CheckInside(snapshot, arguments.address, arguments.length));
  const Gfn first = Gfn::OfAddress(arguments.address);
  const Gfn last = Gfn::OfAddress(arguments.address + arguments.length - 1);
  const GfnRange range{first, last.value - first.value + 1};

  SF_ASSIGN_OR_RETURN(const auto target, MakeTarget(session, snapshot));
  Progress progress(fmt::format("read {}", TitleOf(snapshot)), range.bytes(), arguments.progress);
  SF_RETURN_IF_ERROR(reader->ReadPages(
      {&range, 1}, EmptyRuns::kReport,
      [&](const PageRun& run) {
        progress.Advance(run.range.bytes());
        return AddRun(run, arguments, snapshot, *target);
      },
      session.stop));
  return target->Finish();
}

}  // namespace stillframe::cli
