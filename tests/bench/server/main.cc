// What reads are measured against: a daemon with one guest, the gateway's services on a unix
// socket, loopback TCP and TLS, and raw servers of the same memory beside them. Started by a
// benchmark; ends with it.
//
//   stillframe-bench-server DIRECTORY MIB
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "base/status.h"
#include "bench/server/bench_daemon.h"
#include "bench/server/raw_server.h"
#include "config/config_file.h"
#include "gateway/gateway_server.h"
#include "local/client.h"
#include "pki/pki_directory.h"

namespace stillframe::bench {
namespace {

constexpr std::uint64_t kPagesPerMib = 256;

absl::StatusOr<MemoryPieces> PiecesOf(const BenchDaemon& daemon) {
  SF_ASSIGN_OR_RETURN(const auto store, daemon.FindStore(kBenchGuest));
  SF_ASSIGN_OR_RETURN(const SnapshotPtr snapshot, store->Get(Generation{1}));
  const auto slots = snapshot->pages.slots();
  const std::uint32_t piece_pages = snapshot->arena->slots_per_segment();
  MemoryPieces pieces;
  for (std::size_t i = 0; i + piece_pages <= slots.size(); i += piece_pages) {
    pieces.emplace_back(snapshot->arena->At(slots[i]), snapshot->arena->segment_bytes());
  }
  return pieces;
}

// The gateway's own certificate, for the raw server beside it.
absl::StatusOr<Credential> CredentialOf(const PkiDirectory& pki) {
  SF_ASSIGN_OR_RETURN(std::string certificate, ReadConfigFile(pki.PathOf("gateway.pem")));
  SF_ASSIGN_OR_RETURN(std::string key, ReadConfigFile(pki.PathOf("gateway-key.pem")));
  return Credential{std::move(certificate), std::move(key)};
}

absl::Status Serve(const std::string& directory, std::uint64_t mib) {
  GatewayOptions options;
  options.daemon_socket = directory + "/daemon.sock";
  options.listen = {"unix:" + directory + "/gateway.sock", "127.0.0.1:0"};
  Rights rights;
  for (const Right right : {Right::kRead, Right::kPin, Right::kCapture}) rights.Add(right);
  options.policy = AccessPolicy({Grant{{"*"}, {"*"}, rights}}, {});
  SF_ASSIGN_OR_RETURN(const auto daemon,
                      BenchDaemon::Start(options.daemon_socket, mib * kPagesPerMib));
  const auto connect = [socket = options.daemon_socket] { return LocalClient::Connect(socket); };
  SF_ASSIGN_OR_RETURN(const auto gateway, GatewayServer::Start(options, connect));
  SF_ASSIGN_OR_RETURN(const PkiDirectory pki, PkiDirectory::Open(directory + "/pki"));
  SF_RETURN_IF_ERROR(pki.IssueGateway({"127.0.0.1"}));
  SF_RETURN_IF_ERROR(pki.IssueClient("bench").status());
  GatewayOptions tls_options = options;
  tls_options.listen = {"127.0.0.1:0"};
  tls_options.tls = {pki.PathOf("gateway.pem"), pki.PathOf("gateway-key.pem"), pki.PathOf("ca.pem"),
                     ""};
  SF_ASSIGN_OR_RETURN(const auto tls, GatewayServer::Start(tls_options, connect));
  SF_ASSIGN_OR_RETURN(const Credential identity, CredentialOf(pki));
  SF_ASSIGN_OR_RETURN(const MemoryPieces memory, PiecesOf(*daemon));
  SF_ASSIGN_OR_RETURN(const std::string raw_unix,
                      StartRawServer("unix:" + directory + "/raw.sock", nullptr, memory));
  SF_ASSIGN_OR_RETURN(const std::string raw_tcp, StartRawServer("127.0.0.1:0", nullptr, memory));
  SF_ASSIGN_OR_RETURN(const std::string raw_tls, StartRawServer("127.0.0.1:0", &identity, memory));

  const std::string ready = directory + "/addresses";
  std::ofstream(ready + ".new") << fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n", gateway->addresses()[0],
                                               gateway->addresses()[1], tls->addresses()[0],
                                               raw_unix, raw_tcp, raw_tls);
  if (std::rename((ready + ".new").c_str(), ready.c_str()) != 0) {
    return ErrnoStatus(errno, "write " + ready);
  }
  while (true) pause();
}

}  // namespace
}  // namespace stillframe::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: {} DIRECTORY MIB\n", argv[0]);
    return 2;
  }
  const absl::Status status = stillframe::bench::Serve(argv[1], std::stoull(argv[2]));
  fmt::print(stderr, "{}: {}\n", argv[0], stillframe::MessageOf(status));
  return 1;
}
