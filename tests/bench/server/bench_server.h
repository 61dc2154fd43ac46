// The process that readers of a benchmark read from (server/main.cc), as the benchmark sees it.
//
// Owned by one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "stillframe/connection.h"
#include "support/child_process.h"
#include "support/temp_directory.h"

namespace stillframe::bench {

enum class Transport { kTcp, kUnix, kTls };

const char* NameOf(Transport transport);

class BenchServer {
 public:
  // Serves a guest of that size, a multiple of 64 MiB.
  static absl::StatusOr<std::unique_ptr<BenchServer>> Start(std::uint64_t mib);

  std::string local_target() const { return "local:" + directory_.path() + "/daemon.sock"; }
  std::string daemon_socket() const { return directory_.path() + "/daemon.sock"; }
  std::string gateway(Transport transport) const { return gateways_[Index(transport)]; }
  std::string raw(Transport transport) const { return raws_[Index(transport)]; }

  // What a client needs to trust the gateway; empty but for TLS.
  TlsFiles tls(Transport transport) const;

  // Processor time that the process took up to now.
  double CpuSeconds() const;

 private:
  BenchServer() = default;
  static std::size_t Index(Transport transport) { return static_cast<std::size_t>(transport); }

  TempDirectory directory_;
  std::unique_ptr<ChildProcess> process_;
  std::string gateways_[3];
  std::string raws_[3];
};

// Processor time that this process took up to now.
double OwnCpuSeconds();

}  // namespace stillframe::bench
