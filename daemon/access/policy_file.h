// What /etc/stillframe/policy.toml says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "access/access_policy.h"
#include "config/schema.h"

namespace stillframe {

// `file_name` appears in errors. INVALID_ARGUMENT: one line, "FILE:LINE: KEY: what and why".
absl::StatusOr<AccessPolicy> ParseAccessPolicy(std::string_view text, std::string_view file_name);

// As above, from a file; also NOT_FOUND or PERMISSION_DENIED when it cannot be read.
absl::StatusOr<AccessPolicy> LoadAccessPolicy(const std::string& path);

// One [[grant]] as it stands in the file.
struct GrantEntry {
  std::vector<std::string> principals;
  std::vector<std::string> guests;
  std::vector<std::string> rights;
};

// Every key, bound to the entries, which must outlive the result.
Schema DescribeAccessPolicy(GrantEntry& grant, QuotaRule& quota);

// The whole text of config/policy.toml: the shipped file is this, byte for byte.
std::string DefaultPolicyToml();

}  // namespace stillframe
