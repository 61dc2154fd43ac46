#include <fmt/format.h>

#include <memory>
#include <utility>

#include "base/status.h"
#include "bench/mapped/tables.h"
#include "bench/server/bench_daemon.h"
#include "bench/support/interleaved.h"
#include "bench/support/samples.h"
#include "local/client.h"
#include "stillframe/connection.h"

namespace stillframe::bench {

// Pins generations in turn: asked for until the first byte can be read.
absl::Status MeasureHandOver(const BenchServer& server, Effort effort, Report& report,
                             Targets& targets) {
  const int pins = effort == Effort::kFull ? 5000 : 500;
  SF_ASSIGN_OR_RETURN(const auto client, LocalClient::Connect(server.daemon_socket()));
  SF_ASSIGN_OR_RETURN(const auto kept, client->Pin(Select(kBenchGuest, 1), {}));
  Samples question_us;
  Samples pin_us;
  Samples flat_us;
  SF_ASSIGN_OR_RETURN(const auto connection, Connection::Open(server.local_target()));
  SF_ASSIGN_OR_RETURN(const auto reader, connection->OpenSnapshot(Select(kBenchGuest, 2)));
  absl::Status status;
  for (int i = 0; i < pins && status.ok(); ++i) {
    question_us.Add(1e6 * SecondsOf([&] {
                      status = client->GetSnapshot(Select(kBenchGuest, 1 + i % 2)).status();
                    }));
    std::shared_ptr<PinnedSnapshot> pinned;
    pin_us.Add(1e6 * SecondsOf([&] {
                 auto held = client->Pin(Select(kBenchGuest, 1 + i % 2), {});
                 status.Update(held.status());
                 if (held.ok()) pinned = *std::move(held);
               }));
    if (i % 25 != 0) continue;
    std::unique_ptr<FlatView> flat;
    flat_us.Add(1e6 * SecondsOf([&] {
                  auto opened = reader->OpenFlat();
                  status.Update(opened.status());
                  if (opened.ok()) flat = *std::move(opened);
                }));
  }
  SF_RETURN_IF_ERROR(status);
  Table table(fmt::format("Into a reader's hands, {} MiB", kept->page_count() >> 8),
              {"what", "p50 us", "p99 us"});
  table.AddRow({"a question about one answered", Number{question_us.Median(), 1},
                Number{question_us.Quantile(0.99), 1}});
  table.AddRow({"a generation pinned and mapped", Number{pin_us.Median(), 1},
                Number{pin_us.Quantile(0.99), 1}});
  table.AddRow({"a flat view of it, 1 % of the pages elsewhere", Number{flat_us.Median(), 1},
                Number{flat_us.Quantile(0.99), 1}});
  table.AddNote("The arena was mapped before, as for every generation but a guest's first.");
  report.Add(std::move(table));
  targets.AtMost("hand-over of a generation: us", pin_us.Median(), 50);
  return absl::OkStatus();
}

}  // namespace stillframe::bench
