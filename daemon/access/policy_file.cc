#include "access/policy_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "base/status.h"
#include "config/config_file.h"
#include "config/default_file.h"
#include "config/near_miss.h"
#include "config/problems.h"
#include "config/toml_reader.h"

namespace stillframe {
namespace {

constexpr std::size_t kEntriesMax = 4096;
constexpr std::size_t kPatternsMax = 1024;
constexpr std::size_t kGuestBytesMax = 255;
constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;

absl::Status CheckGuest(std::string_view pattern) {
  if (!pattern.empty() && pattern.size() <= kGuestBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" is no name, glob or UUID of a guest", Printable(pattern)));
}

absl::Status CheckRight(std::string_view name) {
  if (ParseRight(name).has_value()) return absl::OkStatus();
  const std::vector<std::string_view> known(kRightNames.begin(), kRightNames.end());
  const std::string_view near = NearMiss(name, known);
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" is no right; {}", Printable(name),
                  near.empty() ? fmt::format("there are: {}", fmt::join(known, ", "))
                               : fmt::format("did you mean {}?", near)));
}

TextListValue Principals(std::vector<std::string>& field) {
  return {&field, 1, kPatternsMax,
          "of spiffe://DOMAIN/PATH, dns:NAME, user:NAME, group:NAME or anonymous",
          CheckPrincipalPattern};
}

std::vector<Key> GrantKeys(GrantEntry& grant) {
  return {
      {"principals", Principals(grant.principals),
       "Who: the URI SAN of a client certificate, its first DNS SAN where it has no such URI, or "
       "the user or a group (by name or number) of the process behind a unix socket; anonymous is "
       "whoever connects to a loopback port without TLS. * ? and [...] match, also over slashes."},
      {"guests",
       TextListValue{&grant.guests, 1, kPatternsMax, "of UUIDs, names, or names with * ? [...]",
                     CheckGuest},
       "Which guests. A UUID names by identity alone, however guests are called."},
      {"rights",
       TextListValue{&grant.rights, 1, kRightNames.size(), "of list, read, capture, pin, admin",
                     CheckRight},
       "What: list (see the guest and its generations), read (memory and registers, holding a "
       "generation while a call reads it), capture (have a snapshot taken, which pauses the "
       "guest), "
       "pin (hold generations beyond a call), admin (renew and release the pins of others). Each "
       "brings list with it."},
  };
}

std::vector<Key> QuotaKeys(QuotaRule& quota) {
  constexpr std::string_view kNoBound = "the gateway's own bound alone";
  PrincipalLimits& limits = quota.limits;
  return {
      {"principals", Principals(quota.principals), "Who, as in [[grant]]."},
      {"streams_max", NumberValue{&limits.streams_max, 1, 65'536, "streams", kNoBound},
       "Open streams and captures of one principal."},
      {"inflight_bytes_max",
       NumberValue{&limits.inflight_bytes_max, 64 << 10, kTiB, "bytes", kNoBound},
       "Snapshot bytes on their way to one principal; at the bound its streams wait for their "
       "readers."},
      {"pins_max", NumberValue{&limits.pins_max, 1, 65'536, "pins", kNoBound},
       "Generations that one principal holds by CreatePin."},
      {"pinned_bytes_max",
       NumberValue{&limits.pinned_bytes_max, 4096, 1024 * kTiB, "bytes", kNoBound},
       "Bytes of the pages in those generations, counted anew for each pin."},
      {"captures_per_minute_max",
       NumberValue{&limits.captures_per_minute_max, 1, 60'000, "captures", kNoBound},
       "Captures that one principal asks for. Up to this many at once, then one by one as the "
       "minute goes on."},
      {"request_bytes_max",
       NumberValue{&limits.request_bytes_max, 4096, 1024 * kTiB, "bytes", kNoBound},
       "Guest memory that one ReadPages call, or one batch of a scatter stream, may ask for."},
  };
}

// A list that no entry can do without.
struct Required {
  std::string_view key;
  const std::vector<std::string>& list;
};

// Reads the entries of a section into `entry`, one after the other, and hands over each. What is
// missing in one is a problem, unless it has others already.
template <typename Entry, typename Take>
void ReadEntries(const TomlReader& reader, const Section& section, Entry& entry,
                 const std::vector<Required>& required, Problems& problems, const Take& take) {
  const std::size_t count = reader.CountEntries(section, kEntriesMax, problems);
  for (std::size_t i = 0; i < count; ++i) {
    entry = {};
    const std::size_t before = problems.count();
    reader.ReadEntry(section, i, problems);
    const bool clean = problems.count() == before;
    for (const Required& needed : required) {
      if (!clean || !needed.list.empty()) continue;
      problems.Add(reader.LineOfEntry(section.name, i),
                   fmt::format("{}.{}", section.name, needed.key), "missing");
    }
    take();
  }
}

std::vector<Grant> ReadGrants(const TomlReader& reader, Problems& problems) {
  GrantEntry entry;
  QuotaRule unused;
  std::vector<Grant> grants;
  ReadEntries(
      reader, DescribeAccessPolicy(entry, unused).front(), entry,
      {{"principals", entry.principals}, {"guests", entry.guests}, {"rights", entry.rights}},
      problems, [&] {
        Grant grant{entry.principals, entry.guests, {}};
        for (const std::string& name : entry.rights) {
          if (const auto right = ParseRight(name)) grant.rights.Add(*right);
        }
        grants.push_back(std::move(grant));
      });
  return grants;
}

std::vector<QuotaRule> ReadQuotas(const TomlReader& reader, Problems& problems) {
  GrantEntry unused;
  QuotaRule entry;
  std::vector<QuotaRule> quotas;
  ReadEntries(reader, DescribeAccessPolicy(unused, entry).back(), entry,
              {{"principals", entry.principals}}, problems, [&] { quotas.push_back(entry); });
  return quotas;
}

}  // namespace

Schema DescribeAccessPolicy(GrantEntry& grant, QuotaRule& quota) {
  return {
      {"grant",
       "Who may do what with which guests. Repeat the section as needed: rights add up. What no "
       "grant names is denied, and a guest that a principal may not list does not exist for it.",
       GrantKeys(grant), SectionKind::kArrayOfTables},
      {"quota",
       "How much of everything one principal may have at once. Repeat the section as needed: the "
       "first whose principals fit holds, for each principal by itself.",
       QuotaKeys(quota), SectionKind::kArrayOfTables},
  };
}

absl::StatusOr<AccessPolicy> ParseAccessPolicy(std::string_view text, std::string_view file_name) {
  SF_ASSIGN_OR_RETURN(const TomlReader reader, TomlReader::Parse(text, file_name));
  GrantEntry unused_grant;
  QuotaRule unused_quota;
  Problems problems(file_name);
  reader.CheckSections(DescribeAccessPolicy(unused_grant, unused_quota), problems);
  std::vector<Grant> grants = ReadGrants(reader, problems);
  std::vector<QuotaRule> quotas = ReadQuotas(reader, problems);
  SF_RETURN_IF_ERROR(problems.First());
  return AccessPolicy(std::move(grants), std::move(quotas));
}

absl::StatusOr<AccessPolicy> LoadAccessPolicy(const std::string& path) {
  SF_ASSIGN_OR_RETURN(const std::string text, ReadConfigFile(path));
  return ParseAccessPolicy(text, path);
}

std::string DefaultPolicyToml() {
  GrantEntry grant{{"spiffe://example.org/monitor/*"}, {"web*"}, {"list", "read", "pin"}};
  QuotaRule quota{{"spiffe://example.org/monitor/*"}, {}};
  quota.limits.streams_max = 16;
  quota.limits.captures_per_minute_max = 60;
  return RenderDefaultFile(
      "# stillframe-gateway(8) reads this where gateway.policy of gateway.toml(5) names it; see\n"
      "# policy.toml(5). What is not granted here is denied; an empty file denies everything.\n"
      "# Check a change with: stillframe-gateway --check-policy FILE\n",
      DescribeAccessPolicy(grant, quota));
}

}  // namespace stillframe
