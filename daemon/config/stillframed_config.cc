#include "config/stillframed_config.h"

#include "base/status.h"
#include "config/config_file.h"
#include "config/problems.h"
#include "config/toml_reader.h"

namespace stillframe {
namespace {

constexpr std::size_t kGuestRulesMax = 4096;
constexpr std::uint64_t kArenaBytesMin = std::uint64_t{64} << 20;
constexpr std::uint64_t kArenaBytesMax = std::uint64_t{16} << 40;
constexpr std::uint64_t kDayMs = 86'400'000;

std::vector<Key> PolicyKeys(GuestPolicy& guest) {
  CapturePolicy& policy = guest.policy;
  return {
      {"capture", BooleanValue{&guest.capture},
       "Whether the guest is captured at all. When false it is listed, but never paused."},
      {"period_ms", NumberValue{&policy.period_ms, 10, kDayMs, "ms", "only on demand"},
       "From the start of one capture to the start of the next."},
      {"generations_max", NumberValue{&policy.generations_max, 1, 4096, "generations", ""},
       "How many of the newest generations are kept; pinned ones stay longer."},
      {"arena_bytes_max",
       NumberValue{&policy.arena_bytes_max, kArenaBytesMin, kArenaBytesMax, "bytes",
                   "two and a half times the guest's memory"},
       "Host memory for this guest's page copies. At the bound captures are refused and counted; "
       "the guest runs on."},
      {"pause_deadline_ms",
       NumberValue{&policy.pause_deadline_ms, 10, 60'000, "ms",
                   "500 ms and as much for each GiB of the guest"},
       "A pause that lasts this long is ended by the guardian, and the capture fails."},
      {"pause_budget_ms",
       NumberValue{&policy.pause_budget_ms, 1, 60'000, "ms", "pauses are as long as they get"},
       "Where more is dirty than can be copied in a pause of this length, pages are copied while "
       "the guest runs, in rounds, until the rest fits. That costs memory bandwidth; a guest that "
       "writes faster than it is copied is paused for longer all the same. Needs a dirty log."},
      {"downtime_percent_max",
       NumberValue{&policy.downtime_percent_max, 1, 99, "percent", "no limit"},
       "Largest share of the time that periodic captures may keep the guest paused. A guest whose "
       "pauses are too long for its period is captured less often, and its status says so. "
       "Captures on request are not delayed."},
  };
}

std::vector<Key> DaemonKeys(DaemonSettings& daemon) {
  return {
      {"socket", TextValue{&daemon.socket, TextForm::kSocketPath, ""},
       "Unix socket of the local protocol: the gateway and local monitors connect here."},
      {"socket_mode", FileModeValue{&daemon.socket_mode},
       "Permissions of the socket. Whoever may connect may read every guest's memory."},
      {"socket_group", TextValue{&daemon.socket_group, TextForm::kAccountName, "leave as it is"},
       "Group that the socket is given to. The systemd unit may give it to none but that of the "
       "socket's directory: for another one it needs SupplementaryGroups=GROUP and "
       "SystemCallFilter=@chown in a drop-in."},
      {"ledger", TextValue{&daemon.ledger, TextForm::kAbsolutePath, ""},
       "File that records which guests are paused right now, so that recovery can resume them "
       "after a crash. Keep it on a tmpfs."},
      {"log_level", LogLevelChoice(&daemon.log_level), "Least severe message that is logged."},
      {"arena_bytes_max",
       NumberValue{&daemon.arena_bytes_max, kArenaBytesMin, kArenaBytesMax, "bytes",
                   "half of the host's RAM"},
       "Host memory for the page copies of all guests together."},
      {"captures_parallel_max", NumberValue{&daemon.captures_parallel_max, 1, 64, "captures", ""},
       "Guests captured at the same time. Copies share the memory bus: more than one at a time "
       "make each other's pauses longer."},
      {"discovery_period_ms", NumberValue{&daemon.discovery_period_ms, 100, 60'000, "ms", ""},
       "How often the backends are asked which guests exist."},
      {"connections_max", NumberValue{&daemon.connections_max, 1, 4096, "connections", ""},
       "Local readers connected at once; the next one is refused."},
      {"pins_per_connection_max",
       NumberValue{&daemon.pins_per_connection_max, 1, 65'536, "pins", ""},
       "Generations that one local reader may hold at once."},
      {"pin_ttl_ms_max", NumberValue{&daemon.pin_ttl_ms_max, 1000, kDayMs, "ms", ""},
       "Longest time that a pin lasts without being renewed."},
      {"pin_age_ms_max", NumberValue{&daemon.pin_age_ms_max, 1000, 7 * kDayMs, "ms", ""},
       "Longest time that a pin lasts however often it is renewed."},
      {"arena_lock", BooleanValue{&daemon.arena_lock},
       "Whether page copies are locked in memory, so that none of them ever reaches a swap "
       "device. Needs RLIMIT_MEMLOCK for all of them, which the systemd unit has."},
      {"arena_wipe", BooleanValue{&daemon.arena_wipe},
       "Whether page copies are overwritten with zeros as soon as no generation needs them, and "
       "all of a guest's when it goes or the daemon ends in order: whoever still reads them "
       "then loses his pins. Costs a store to each page that is freed, on a thread of its own."},
  };
}

std::vector<Key> BackendKeys(BackendSettings& backends) {
  return {
      {"qemu_qmp_globs",
       TextListValue{&backends.qemu_qmp_globs, 0, 64, "absolute paths, * and ? and [...] match",
                     CheckAbsoluteGlob},
       "QMP sockets of QEMU guests. A QMP socket serves one client at a time, so give each guest "
       "one that is Stillframe's alone: -qmp unix:/run/qemu/NAME.qmp,server=on,wait=off. An empty "
       "list turns the backend off."},
      {"qemu_msrs", ChoiceOf(&backends.qemu_msrs, {"never", "once", "always"}),
       "When model-specific registers such as LSTAR are read: never, in the first captures of a "
       "boot, or in every capture. QEMU gives them by its device state only, which makes a pause "
       "some 10 ms longer. Registers that were not read are absent from the snapshot."},
      {"xen", ChoiceOf(&backends.xen, {"never", "auto", "always"}),
       "Whether the guests of the Xen that this dom0 runs on are found: never, always, or auto: "
       "where this host is a Xen dom0."},
      {"sim_directory",
       TextValue{&backends.sim_directory, TextForm::kAbsolutePath, "the backend is off"},
       "Directory with the control sockets of simulated guests (stillframe-simguest)."},
  };
}

std::vector<Key> RuleKeys(GuestRule& rule) {
  std::vector<Key> keys = {
      {"match", TextValue{&rule.match, TextForm::kNamePattern, ""},
       "Which guests: a UUID, a name, or a name with * ? [...]. Required."},
  };
  const std::vector<Key> policy = PolicyKeys(rule.config);
  keys.insert(keys.end(), policy.begin(), policy.end());
  return keys;
}

// Rules start from the defaults, wherever in the file those stand.
void ReadRules(const TomlReader& reader, GuestPolicies& guests, Problems& problems) {
  GuestRule rule;
  const Section section = {"guest", "", RuleKeys(rule), SectionKind::kArrayOfTables};
  const std::size_t entries = reader.CountEntries(section, kGuestRulesMax, problems);
  for (std::size_t i = 0; i < entries; ++i) {
    rule = GuestRule{"", guests.defaults};
    reader.ReadEntry(section, i, problems);
    if (rule.match.empty()) {
      problems.Add(reader.LineOfEntry("guest", i), "guest.match",
                   "missing; say which guests this is for: a name, a glob or a UUID");
    }
    guests.rules.push_back(rule);
  }
}

}  // namespace

Schema DescribeStillframedConfig(StillframedConfig& config, GuestRule& rule) {
  return {
      {"daemon", "The daemon itself.", DaemonKeys(config.daemon), SectionKind::kTable},
      {"backends", "Where guests are found.", BackendKeys(config.backends), SectionKind::kTable},
      {"defaults", "Policy for every guest that no [[guest]] matches.",
       PolicyKeys(config.guests.defaults), SectionKind::kTable},
      {"guest",
       "Policy for some guests. Repeat the section as needed: the first whose match fits a guest "
       "wins. Keys left out are as in [defaults].",
       RuleKeys(rule), SectionKind::kArrayOfTables},
  };
}

absl::StatusOr<StillframedConfig> ParseStillframedConfig(std::string_view text,
                                                         std::string_view file_name) {
  SF_ASSIGN_OR_RETURN(const TomlReader reader, TomlReader::Parse(text, file_name));
  StillframedConfig config;
  GuestRule unused;
  const Schema schema = DescribeStillframedConfig(config, unused);
  Problems problems(file_name);
  reader.CheckSections(schema, problems);
  for (const Section& section : schema) {
    if (section.kind == SectionKind::kTable) reader.ReadTable(section, problems);
  }
  config.guests.defaults.policy.pin_age_ms_max = config.daemon.pin_age_ms_max;
  ReadRules(reader, config.guests, problems);
  SF_RETURN_IF_ERROR(problems.First());
  return config;
}

absl::StatusOr<StillframedConfig> LoadStillframedConfig(const std::string& path) {
  SF_ASSIGN_OR_RETURN(const std::string text, ReadConfigFile(path));
  return ParseStillframedConfig(text, path);
}

}  // namespace stillframe
