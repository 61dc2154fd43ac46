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
#include "bench/server/tls_gateway.h"
#include "gateway/gateway_server.h"
#include "local/client.h"

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

absl::Status Serve(const std::string& directory, std::uint64_t mib) {
  GatewayOptions options;
  options.daemon_socket = directory + "/daemon.sock";
  options.listen = {"unix:" + directory + "/gateway.sock", "127.0.0.1:0"};
  SF_ASSIGN_OR_RETURN(const auto daemon,
                      BenchDaemon::Start(options.daemon_socket, mib * kPagesPerMib));
  SF_ASSIGN_OR_RETURN(const auto gateway,
                      GatewayServer::Start(options, [socket = options.daemon_socket] {
                        return LocalClient::Connect(socket);
                      }));
  SF_ASSIGN_OR_RETURN(const SelfSigned identity, MakeSelfSigned());
  SF_ASSIGN_OR_RETURN(const auto tls, TlsGateway::Start(options.daemon_socket, identity));
  SF_ASSIGN_OR_RETURN(const MemoryPieces memory, PiecesOf(*daemon));
  SF_ASSIGN_OR_RETURN(const std::string raw_unix,
                      StartRawServer("unix:" + directory + "/raw.sock", nullptr, memory));
  SF_ASSIGN_OR_RETURN(const std::string raw_tcp, StartRawServer("127.0.0.1:0", nullptr, memory));
  SF_ASSIGN_OR_RETURN(const std::string raw_tls, StartRawServer("127.0.0.1:0", &identity, memory));

  std::ofstream(directory + "/ca.pem") << identity.certificate_pem;
  const std::string ready = directory + "/addresses";
  std::ofstream(ready + ".new") << fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n", gateway->addresses()[0],
                                               gateway->addresses()[1], tls->address(), raw_unix,
                                               raw_tcp, raw_tls);
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
