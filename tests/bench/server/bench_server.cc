#include "bench/server/bench_server.h"

#include <time.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "base/status.h"
#include "support/eventually.h"

namespace stillframe::bench {
namespace {

double SecondsOn(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

const char* NameOf(Transport transport) {
  switch (transport) {
    case Transport::kTcp:
      return "TCP loopback";
    case Transport::kUnix:
      return "unix socket";
    case Transport::kTls:
      return "TLS";
  }
  return "";
}

absl::StatusOr<std::unique_ptr<BenchServer>> BenchServer::Start(std::uint64_t mib) {
  std::unique_ptr<BenchServer> server(new BenchServer);
  const std::string& path = server->directory_.path();
  SF_ASSIGN_OR_RETURN(server->process_,
                      ChildProcess::Start({STILLFRAME_BENCH_SERVER, path, std::to_string(mib)},
                                          path + "/server.log"));
  const bool ready = Eventually([&] { return std::filesystem::exists(path + "/addresses"); },
                                std::chrono::minutes(1));
  if (!ready) {
    return absl::UnavailableError("the benchmark's server does not serve: " +
                                  server->process_->Log());
  }
  std::ifstream addresses(path + "/addresses");
  addresses >> server->gateways_[Index(Transport::kUnix)] >>
      server->gateways_[Index(Transport::kTcp)] >> server->gateways_[Index(Transport::kTls)] >>
      server->raws_[Index(Transport::kUnix)] >> server->raws_[Index(Transport::kTcp)] >>
      server->raws_[Index(Transport::kTls)];
  return server;
}

TlsFiles BenchServer::tls(Transport transport) const {
  TlsFiles files;
  if (transport == Transport::kTls) {
    const std::string pki = directory_.path() + "/pki";
    files = {pki + "/ca.pem", pki + "/bench.pem", pki + "/bench-key.pem"};
  }
  return files;
}

double BenchServer::CpuSeconds() const {
  clockid_t clock{};
  return clock_getcpuclockid(process_->pid(), &clock) == 0 ? SecondsOn(clock) : 0;
}

double OwnCpuSeconds() { return SecondsOn(CLOCK_PROCESS_CPUTIME_ID); }

}  // namespace stillframe::bench
