// A certificate for 127.0.0.1 that lives as long as one run of a benchmark.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace stillframe::bench {

struct SelfSigned {
  std::string certificate_pem;  // signed by itself: also what a client trusts
  std::string key_pem;
};

// P-256, for 127.0.0.1 as IP address.
absl::StatusOr<SelfSigned> MakeSelfSigned();

}  // namespace stillframe::bench
