#include "arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <utility>

#include "base/status.h"
#include "contexts.h"
#include "exit_code.h"
#include "render/text.h"

namespace stillframe::cli {
namespace {

constexpr char kFooter[] =
    "\nG is a guest's name or UUID; G@GEN one of its generations (a number or latest).\n"
    "Exit codes: 0 ok, 1 failed, 2 usage, 3 no such guest or generation, 4 cannot connect,\n"
    "5 permission denied, 6 verify found the snapshot torn, 7 status found the host unhealthy,\n"
    "130 interrupted.\n"
    "More: man stillframe, stillframe COMMAND --help.";

// Text as it was given, until it is converted in one place with our own messages.
struct RawText {
  std::string guest, address, length, base, target, from, fill, target_text, context;
  TlsFiles tls;
};

struct Parser {
  CLI::App app{"Consistent memory snapshots of running guests", "stillframe"};
  Arguments out;
  RawText raw;
  bool json = false;
  bool progress = false;
  bool zero_fill = false;
  int watch_for_s = 30;
  double interval_s = 2;

  Parser() {
    app.require_subcommand(1);
    app.footer(kFooter);
    app.fallthrough();
    app.add_option("--target", raw.target_text,
                   "unix:/PATH, HOST:PORT (gateways) or local:/PATH (the daemon's socket)")
        ->envname("STILLFRAME_TARGET")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->default_str(kDefaultTarget)
        ->type_name("TARGET");
    app.add_option("--context", raw.context,
                   "A target with certificates, by its name in ~/.config/stillframe/config.toml")
        ->envname("STILLFRAME_CONTEXT")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->type_name("NAME");
    app.add_flag("--json", json, "Print JSON for scripts");
    app.add_flag("--progress", progress, "Show progress even when stderr is no terminal");
    app.add_option("--cacert", raw.tls.ca, "PEM file: who signed the gateway's certificate")
        ->envname("STILLFRAME_CACERT")
        ->type_name("FILE");
    app.add_option("--cert", raw.tls.certificate, "PEM file: our certificate")
        ->envname("STILLFRAME_CERT")
        ->type_name("FILE");
    app.add_option("--key", raw.tls.key, "PEM file: its key")
        ->envname("STILLFRAME_KEY")
        ->type_name("FILE");
    for (const CommandEntry& entry : CommandTable()) AddCommand(entry);
  }

  void AddCommand(const CommandEntry& entry) {
    CLI::App* sub = app.add_subcommand(std::string(entry.name), std::string(entry.summary));
    sub->footer(fmt::format("Example: {}", entry.example));
    sub->callback([this, command = entry.command] { out.command = command; });
    AddPositionals(entry.command, *sub);
    AddOptions(entry.command, *sub);
  }

  void AddPositionals(Command command, CLI::App& sub) {
    switch (command) {
      case Command::kGuests:
      case Command::kTop:
      case Command::kStatus:
      case Command::kVersion:
      case Command::kWhoAmI:
        return;
      case Command::kPki:
        sub.add_option("DIR", out.pki.directory, "Directory of the certificates; made if needed")
            ->required()
            ->option_text(" ");
        return;
      case Command::kCompletion:
        sub.add_option("SHELL", out.shell, "bash, zsh or fish")
            ->required()
            ->check(CLI::IsMember({"bash", "zsh", "fish"}))
            ->option_text(" ");
        return;
      case Command::kShow:
      case Command::kRead:
      case Command::kDump:
      case Command::kVerify:
        AddText(sub, "G[@GEN]", raw.guest, "Guest, and generation unless the latest");
        break;
      default:
        AddText(sub, "G", raw.guest, "Guest: name or UUID");
    }
    if (command == Command::kRead) {
      AddText(sub, "ADDR", raw.address, "Guest-physical address, 0x hexadecimal or decimal");
      AddText(sub, "LEN", raw.length, "Bytes; suffixes K, M, G");
    } else if (command == Command::kDiff) {
      AddText(sub, "GEN1", raw.base, "Generation");
      AddText(sub, "GEN2", raw.target, "Generation to compare it with");
    }
  }

  static void AddText(CLI::App& sub, const std::string& name, std::string& to,
                      const std::string& help) {
    // CLI11 takes names of letters only; what the help shows is set apart from that.
    const std::string plain = name.substr(0, name.find('['));
    sub.add_option(plain, to, help)->required()->option_text(name == plain ? " " : "[@GEN]");
  }

  void AddOptions(Command command, CLI::App& sub) {
    switch (command) {
      case Command::kRead:
        AddFile(sub, false);
        sub.add_flag("--fill", zero_fill, "Read absent pages as zeros instead of failing");
        sub.add_option("--fill-byte", raw.fill, "Read absent pages as this byte")
            ->type_name("BYTE");
        sub.add_flag("--hex", out.hex, "A hex dump, also into a pipe or file");
        return;
      case Command::kDump:
        AddFile(sub, true);
        sub.add_option("--format", out.format, "raw (sparse), elf (core as QEMU's) or lime")
            ->transform(CLI::CheckedTransformer(
                            std::map<std::string, DumpFormat>{{"raw", DumpFormat::kRaw},
                                                              {"elf", DumpFormat::kElf},
                                                              {"lime", DumpFormat::kLime}})
                            .description(""))
            ->type_name("raw|elf|lime");
        return;
      case Command::kDiff:
        sub.add_flag("--bytes", out.bytes, "Show the first bytes that differ in each extent");
        sub.add_option("--coalesce", out.coalesce_pages, "Join extents closer than this")
            ->type_name("PAGES");
        return;
      case Command::kWatch:
        sub.add_option("--from", raw.from, "Replay from this generation on first")
            ->type_name("GEN");
        sub.add_option("--count", out.count, "End after so many events")->type_name("N");
        return;
      case Command::kVerify:
        sub.add_option("--count", out.count, "Verify so many consecutive generations as they come")
            ->type_name("N");
        sub.add_option("--pages", out.pages, "Pages that the workload stamps (else: all found)")
            ->type_name("N");
        return;
      case Command::kPlan:
        AddWishes(sub);
        return;
      case Command::kPki:
        sub.add_option("--gateway", out.pki.hosts,
                       "Make the gateway's certificate, for this host name or address; repeat it")
            ->take_all()
            ->type_name("HOST");
        sub.add_option("--client", out.pki.clients,
                       "Make a client's certificate: spiffe://DOMAIN/PATH or a DNS name; repeat it")
            ->take_all()
            ->type_name("IDENTITY");
        sub.add_option("--revoke", out.pki.revoke, "Revoke NAME.pem of the directory; repeat it")
            ->take_all()
            ->type_name("NAME");
        return;
      case Command::kTop:
        sub.add_option("--interval", interval_s, "Time between two pictures")
            ->check(CLI::Range(0.1, 3600.0))
            ->capture_default_str()
            ->type_name("SECONDS");
        sub.add_option("--count", out.count, "End after so many pictures")->type_name("N");
        sub.add_flag("--once", out.once, "One picture of one interval, as plain text");
        return;
      default:
        return;
    }
  }

  void AddWishes(CLI::App& sub) {
    sub.add_option("--for", watch_for_s, "Watch for so long")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str()
        ->type_name("SECONDS");
    sub.add_option("--downtime-percent", out.wishes.downtime_percent,
                   "Share of the time that the guest may be paused")
        ->check(CLI::Range(0.001, 99.0))
        ->capture_default_str()
        ->type_name("PERCENT");
    sub.add_option("--pause-ms", out.wishes.pause_ms, "Longest pause wished for")
        ->check(CLI::Range(0.01, 60'000.0))
        ->type_name("MS");
    sub.add_option("--generations", out.wishes.generations, "Generations to keep")
        ->check(CLI::Range(1, 4096))
        ->capture_default_str()
        ->type_name("N");
  }

  void AddFile(CLI::App& sub, bool required) {
    sub.add_option("-o,--output", out.output_path, "File to write; - is stdout")
        ->required(required)
        ->type_name("FILE");
    sub.add_flag("--force", out.force, "Replace the file when it exists");
  }

  absl::Status Convert() {
    if (json) out.output = Output::kJson;
    out.watch_for = std::chrono::seconds(watch_for_s);
    out.interval = std::chrono::milliseconds(static_cast<std::int64_t>(interval_s * 1000));
    if (progress) out.progress = Progress::When::kAlways;
    if (!IsOffline(out.command)) SF_RETURN_IF_ERROR(ChooseTarget());
    if (!TakesGuest(out.command)) return absl::OkStatus();
    switch (out.command) {
      case Command::kShow:
      case Command::kRead:
      case Command::kDump:
      case Command::kVerify: {
        SF_ASSIGN_OR_RETURN(out.snapshot, ParseSnapshotName(raw.guest));
        break;
      }
      default:
        out.snapshot.guest = raw.guest;
    }
    if (out.snapshot.guest.empty()) return absl::InvalidArgumentError("the guest's name is empty");
    if (out.command == Command::kRead) return ConvertRead();
    if (out.command == Command::kDiff) {
      SF_ASSIGN_OR_RETURN(out.base_generation, ParseGeneration(raw.base));
      SF_ASSIGN_OR_RETURN(out.snapshot.generation, ParseGeneration(raw.target));
    }
    if (out.command == Command::kWatch && !raw.from.empty()) {
      SF_ASSIGN_OR_RETURN(out.from_generation, ParseGeneration(raw.from));
    }
    return absl::OkStatus();
  }

  // A target that is named brings no certificates of a context with it.
  absl::Status ChooseTarget() {
    if (!raw.target_text.empty()) {
      out.target = raw.target_text;
      out.tls = raw.tls;
      return absl::OkStatus();
    }
    SF_ASSIGN_OR_RETURN(const Contexts contexts, LoadContexts(ContextsPath()));
    const std::string name = raw.context.empty() ? contexts.chosen : raw.context;
    if (!name.empty()) {
      SF_ASSIGN_OR_RETURN(const Context context, contexts.Find(name));
      out.target = context.target;
      out.tls = context.tls;
    }
    if (!raw.tls.ca.empty()) out.tls.ca = raw.tls.ca;
    if (!raw.tls.certificate.empty()) out.tls.certificate = raw.tls.certificate;
    if (!raw.tls.key.empty()) out.tls.key = raw.tls.key;
    return absl::OkStatus();
  }

  absl::Status ConvertRead() {
    SF_ASSIGN_OR_RETURN(out.address, ParseAddress(raw.address));
    SF_ASSIGN_OR_RETURN(out.length, ParseSize(raw.length));
    if (out.length == 0) return absl::InvalidArgumentError("length 0: nothing to read");
    if (zero_fill) out.fill = std::uint8_t{0};
    if (raw.fill.empty()) return absl::OkStatus();
    SF_ASSIGN_OR_RETURN(const std::uint64_t fill, ParseAddress(raw.fill));
    if (fill > 0xff) return absl::InvalidArgumentError("--fill-byte: expected 0 to 0xff");
    out.fill = static_cast<std::uint8_t>(fill);
    return absl::OkStatus();
  }
};

// CLI11 asks for a subcommand even when it was given one that it does not know.
std::string MistakeOf(const CLI::App& app, const CLI::Error& error) {
  const std::vector<std::string> unknown = app.remaining();
  if (!unknown.empty() && app.get_subcommands().empty()) {
    return fmt::format("there is no command or option \"{}\"", Printable(unknown.front()));
  }
  return Printable(error.what());
}

}  // namespace

std::variant<Arguments, UsageText> ParseArguments(int argc, const char* const* argv) {
  Parser parser;
  try {
    parser.app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return UsageText{0, parser.app.help()};
  } catch (const CLI::Error& error) {
    return UsageText{
        static_cast<int>(ExitCode::kUsage),
        fmt::format("stillframe: {} (see stillframe --help)\n", MistakeOf(parser.app, error))};
  }
  if (const absl::Status status = parser.Convert(); !status.ok()) {
    return UsageText{static_cast<int>(ExitCode::kUsage),
                     fmt::format("stillframe: {}\n", MessageOf(status))};
  }
  return std::move(parser.out);
}

}  // namespace stillframe::cli
