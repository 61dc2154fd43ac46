// How fast a whole snapshot comes through gRPC, beside a raw socket that sends the same memory.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "bench/server/bench_daemon.h"
#include "bench/server/bench_server.h"
#include "bench/server/byte_socket.h"
#include "bench/support/bench_main.h"
#include "bench/support/interleaved.h"
#include "bench/support/samples.h"
#include "grpc_channel.h"
#include "grpc_page_stream.h"
#include "target.h"

namespace stillframe::bench {
namespace {

constexpr std::uint32_t kKib = 1024;
constexpr std::uint32_t kMib = 1024 * kKib;
constexpr double kGib = 1024.0 * kMib;
constexpr int kReadersMax = 4;

// How a raw peer moves bytes.
struct RawSizes {
  std::uint64_t send = 0;
  std::uint64_t receive = 0;
};

constexpr RawSizes kCustomary = {256 * kKib, kMib};

// The fastest of sends of 16 KiB to 4 MiB and receives of 64 KiB to 1 MiB: on loopback TCP it
// matters threefold, and a peer that chose badly would make gRPC look good.
constexpr RawSizes FastestFor(Transport transport) {
  switch (transport) {
    case Transport::kTcp:
      return {4 * kMib, 64 * kKib};
    case Transport::kUnix:
      return {4 * kMib, kMib};
    case Transport::kTls:
      return {64 * kKib, kMib};
  }
  return kCustomary;
}

// What all measurements share.
struct Setting {
  const BenchServer* server = nullptr;
  std::uint64_t bytes = 0;  // from the guest's start on: what one measurement reads in all
  absl::Status failed;
};

struct Measured {
  std::string name;
  std::function<absl::Status(int reader, GfnRange part)> read;
  int readers = 1;
  Samples seconds = {};
  Samples cpu_seconds = {};
};

struct Cost {
  double seconds = 0;
  double cpu_seconds = 0;  // of this process and the server's
};

// Every reader reads its part of the guest, all at once.
Cost Measure(Setting& setting, const Measured& measured) {
  const double cpu = setting.server->CpuSeconds() + OwnCpuSeconds();
  const std::uint64_t pages = (setting.bytes >> kPageShift) / measured.readers;
  std::array<absl::Status, kReadersMax> statuses;
  const double seconds = SecondsOf([&] {
    std::vector<std::thread> threads;
    for (int i = 0; i < measured.readers; ++i) {
      threads.emplace_back([&, i] { statuses[i] = measured.read(i, {Gfn{i * pages}, pages}); });
    }
    for (std::thread& thread : threads) thread.join();
  });
  for (const absl::Status& status : statuses) setting.failed.Update(status);
  return {seconds, setting.server->CpuSeconds() + OwnCpuSeconds() - cpu};
}

absl::StatusOr<Measured> RawReaders(const Setting& setting, Transport transport, int readers,
                                    RawSizes sizes) {
  Measured measured{
      fmt::format("raw, {} KiB sends, {} KiB receives", sizes.send / kKib, sizes.receive / kKib),
      nullptr, readers};
  std::shared_ptr<SSL_CTX> context;
  if (transport == Transport::kTls) context.reset(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  auto sockets = std::make_shared<std::vector<ByteSocket>>();
  for (int i = 0; i < readers; ++i) {
    SF_ASSIGN_OR_RETURN(ByteSocket socket,
                        ByteSocket::Connect(setting.server->raw(transport), context.get()));
    sockets->push_back(std::move(socket));
  }
  measured.read = [context, sockets, sizes](int reader, GfnRange part) -> absl::Status {
    const auto buffer = std::make_unique<char[]>(sizes.receive);
    const RawRequest request{part.first.address(), part.bytes(), sizes.send};
    SF_RETURN_IF_ERROR((*sockets)[reader].Send(&request, sizeof request));
    for (std::uint64_t left = part.bytes(); left > 0;) {
      SF_ASSIGN_OR_RETURN(const std::size_t received,
                          (*sockets)[reader].ReceiveSome(
                              buffer.get(), std::min<std::uint64_t>(left, sizes.receive)));
      left -= received;
    }
    return absl::OkStatus();
  };
  return measured;
}

absl::StatusOr<Measured> GrpcReaders(const Setting& setting, Transport transport, int readers,
                                     std::uint32_t chunk_bytes, std::uint64_t generation) {
  Measured measured{fmt::format("gRPC, {} KiB chunks{}", chunk_bytes / kKib,
                                generation == 1 ? "" : ", 1 % of the pages elsewhere"),
                    nullptr, readers};
  SF_ASSIGN_OR_RETURN(const Target target, Target::Parse(setting.server->gateway(transport)));
  std::vector<std::shared_ptr<const GrpcChannels>> channels;
  for (int i = 0; i < readers; ++i) {
    SF_ASSIGN_OR_RETURN(auto of_reader,
                        GrpcChannels::Create(target, setting.server->tls(transport)));
    channels.push_back(std::move(of_reader));
  }
  measured.read = [channels, chunk_bytes, generation](int reader, GfnRange part) {
    std::uint64_t received = 0;
    const absl::Status status = StreamPages(
        *channels[reader], Select(kBenchGuest, generation), {&part, 1}, EmptyRuns::kReport,
        [&received](const PageRun& run) {
          received += run.bytes.size();
          return absl::OkStatus();
        },
        {}, chunk_bytes);
    if (status.ok() && received != part.bytes()) {
      return absl::DataLossError(fmt::format("{} bytes of {} came", received, part.bytes()));
    }
    return status;
  };
  return measured;
}

absl::Status MeasureTransport(Setting& setting, Transport transport, int rounds, Table& table) {
  std::vector<Measured> rows;
  std::vector<std::size_t> raw_of;  // the row that each is compared with
  for (const int readers : {1, kReadersMax}) {
    const std::size_t raw_row = rows.size();
    for (const RawSizes& sizes : {FastestFor(transport), kCustomary}) {
      SF_ASSIGN_OR_RETURN(Measured raw, RawReaders(setting, transport, readers, sizes));
      rows.push_back(std::move(raw));
    }
    struct Variant {
      std::uint32_t chunk_bytes;
      std::uint64_t generation;
    };
    std::vector<Variant> variants = {{kMib, 1}};
    if (readers == 1) {
      variants = {{64 * kKib, 1}, {256 * kKib, 1}, {kMib, 1}, {4 * kMib, 1}, {kMib, 2}};
    }
    for (const Variant& variant : variants) {
      SF_ASSIGN_OR_RETURN(Measured grpc, GrpcReaders(setting, transport, readers,
                                                     variant.chunk_bytes, variant.generation));
      rows.push_back(std::move(grpc));
    }
    raw_of.resize(rows.size(), raw_row);
  }
  for (int round = 0; round <= rounds; ++round) {
    for (Measured& row : rows) {
      const Cost cost = Measure(setting, row);
      if (round == 0) continue;  // warms up
      row.seconds.Add(cost.seconds);
      row.cpu_seconds.Add(cost.cpu_seconds);
    }
    SF_RETURN_IF_ERROR(setting.failed);
  }
  const double gib = static_cast<double>(setting.bytes) / kGib;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Measured& raw = rows[raw_of[i]];
    table.AddRow({std::string(NameOf(transport)), rows[i].name, Count(rows[i].readers),
                  Number{gib / rows[i].seconds.Median()},
                  Number{MedianRatio(raw.seconds, rows[i].seconds)},
                  Number{rows[i].cpu_seconds.Median() / gib},
                  Number{MedianRatio(rows[i].cpu_seconds, raw.cpu_seconds)}});
  }
  return absl::OkStatus();
}

absl::Status Run(Effort effort, Report& report) {
  const std::uint64_t mib = effort == Effort::kFull ? 2048 : 512;
  const int rounds = effort == Effort::kFull ? 21 : 7;
  SF_ASSIGN_OR_RETURN(const auto server, BenchServer::Start(mib));
  Table table(fmt::format("A snapshot streamed: {} MiB, under TLS {}", mib, mib / 4),
              {"over", "how", "readers", "GiB/s", "of raw", "CPU s/GiB", "CPU of raw"});
  for (const Transport transport : {Transport::kTcp, Transport::kUnix, Transport::kTls}) {
    const std::uint64_t share = transport == Transport::kTls ? 4 : 1;
    Setting setting{server.get(), mib / share * kMib, absl::OkStatus()};
    SF_RETURN_IF_ERROR(MeasureTransport(setting, transport, rounds, table));
  }
  table.AddNote("Ratios: to the raw socket in the first row of that transport and readers, the");
  table.AddNote("fastest sizes found; under TLS OpenSSL alone.");
  report.Add(std::move(table));
  return absl::OkStatus();
}

}  // namespace
}  // namespace stillframe::bench

int main(int argc, char** argv) {
  return stillframe::bench::Main(argc, argv, "stream", stillframe::bench::Run);
}
