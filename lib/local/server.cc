#include "local/server.h"

#include <fmt/format.h>
#include <poll.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/reason.h"
#include "base/status.h"
#include "local/listener.h"
#include "local/reader_connection.h"

namespace stillframe {
namespace {

class PollServer final : public LocalServer {
 public:
  PollServer(LocalServerOptions options, GuestDirectory& directory, const Clock& clock,
             Listener listener, std::shared_ptr<CompletionQueue> completions)
      : options_(std::move(options)),
        directory_(directory),
        clock_(clock),
        listener_(std::move(listener)),
        completions_(std::move(completions)),
        context_{options_, directory_,   clock_,
                 arenas_,  completions_, [this](local::v1::Stats& stats) { Fill(stats); }} {
    directory_.events().SetWakeUp([completions = completions_] { completions->wake().Signal(); });
  }

  void Run(std::uint64_t tick_ms, std::function<void()> on_tick) override {
    const std::chrono::milliseconds period(tick_ms);
    auto next_tick = std::chrono::steady_clock::now() + period;
    while (!stopped_.load(std::memory_order_acquire)) {
      Wait(next_tick);
      const auto now = std::chrono::steady_clock::now();
      if (now >= next_tick) {
        next_tick = now + period;
        accepting_ = true;
        on_tick();
        EndImpatient();
        ExpirePins();
      }
      FeedAndFlush();
      Count();
    }
    connections_.clear();
    Count();
  }

  void Stop() override {
    stopped_.store(true, std::memory_order_release);
    completions_->wake().Signal();
  }

  local::v1::Stats Statistics() const override {
    local::v1::Stats stats;
    stats.set_connections(connection_count_.load(std::memory_order_relaxed));
    stats.set_pins(pin_count_.load(std::memory_order_relaxed));
    stats.set_watches(watch_count_.load(std::memory_order_relaxed));
    return stats;
  }

  void SetStatsSource(std::function<void(local::v1::Stats&)> source) override {
    stats_source_ = std::move(source);
  }

 private:
  using Connections = std::map<std::uint64_t, std::unique_ptr<ReaderConnection>>;

  // Until something happens, or the next tick is due.
  void Wait(std::chrono::steady_clock::time_point next_tick) {
    polled_.clear();
    polled_.push_back({completions_->wake().fd(), POLLIN, 0});
    polled_.push_back({accepting_ ? listener_.fd() : -1, POLLIN, 0});
    for (const auto& [number, connection] : connections_) {
      const int events = connection->wants_to_write() ? POLLIN | POLLOUT : POLLIN;
      polled_.push_back({connection->socket(), static_cast<short>(events), 0});
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(next_tick - std::chrono::steady_clock::now());
    const int timeout_ms = static_cast<int>(std::max<std::int64_t>(0, left.count()));
    if (poll(polled_.data(), polled_.size(), timeout_ms) <= 0) return;

    // In the order they were polled in; what the first parts change must not shift the others.
    std::size_t at = 2;
    for (auto it = connections_.begin(); it != connections_.end(); ++at) {
      const auto next = std::next(it);
      if ((polled_[at].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        EndUnlessOk(it, it->second->Receive());
      }
      it = next;
    }
    if (polled_[0].revents != 0) TakeCompletions();
    if (polled_[1].revents != 0) Accept();
  }

  void TakeCompletions() {
    completions_->wake().Clear();
    for (const Completion& completion : completions_->TakeAll()) {
      const auto found = connections_.find(completion.connection);
      if (found == connections_.end()) continue;
      EndUnlessOk(found, found->second->Complete(completion.request, completion.result));
    }
    const std::uint64_t log_end = directory_.events().End();
    if (log_end == std::exchange(log_end_, log_end)) return;
    for (const auto& [number, connection] : connections_) connection->NoteEvents();
  }

  void Accept() {
    while (true) {
      absl::StatusOr<UniqueFd> socket = listener_.Accept();
      if (!socket.ok()) {
        if (absl::IsUnavailable(socket.status())) return;
        // Out of descriptors, most likely: the next tick tries again instead of this loop.
        spdlog::warn("{}", MessageOf(socket.status()));
        accepting_ = false;
        return;
      }
      const std::uint64_t number = next_connection_++;
      auto connection = std::make_unique<ReaderConnection>(context_, number, *std::move(socket));
      if (connections_.size() >= options_.connections_max) {
        const absl::Status refusal = WithReason(
            absl::ResourceExhaustedError(fmt::format(
                "stillframed has {} local connections, as many as it may", connections_.size())),
            "LIMIT_EXCEEDED", {{"limit", "connections_max"}});
        spdlog::warn("local connection {} refused: {}", number, MessageOf(refusal));
        connection->SayGoodbye(refusal);
        continue;
      }
      connections_.emplace(number, std::move(connection));
    }
  }

  void EndImpatient() {
    const std::uint64_t now_ns = clock_.MonotonicNs();
    ForEach([now_ns](ReaderConnection& connection) { return connection.CheckPatience(now_ns); });
  }

  // Pins end in time also when nobody captures: their slots are somebody else's by then.
  void ExpirePins() {
    std::set<std::shared_ptr<SnapshotStore>> stores;
    for (const auto& [number, connection] : connections_) {
      connection->pins().CollectStores(stores);
      connection->pins().ReleaseExpired();
    }
    for (const auto& store : stores) store->ExpirePins();
  }

  void FeedAndFlush() {
    ForEach([](ReaderConnection& connection) {
      SF_RETURN_IF_ERROR(connection.FeedWatches());
      return connection.Flush();
    });
  }

  void ForEach(const std::function<absl::Status(ReaderConnection&)>& action) {
    for (auto it = connections_.begin(); it != connections_.end();) {
      const auto next = std::next(it);
      EndUnlessOk(it, action(*it->second));
      it = next;
    }
  }

  void EndUnlessOk(Connections::iterator connection, const absl::Status& status) {
    if (status.ok()) return;
    if (absl::IsUnavailable(status)) {
      spdlog::debug("local connection {} ended", connection->first);
    } else {
      spdlog::warn("local connection {} ended: {}", connection->first, MessageOf(status));
      connection->second->SayGoodbye(status);
    }
    connections_.erase(connection);
  }

  void Count() {
    std::uint64_t pins = 0;
    std::uint64_t watches = 0;
    for (const auto& [number, connection] : connections_) {
      pins += connection->pins().size();
      watches += connection->watch_count();
    }
    connection_count_.store(connections_.size(), std::memory_order_relaxed);
    pin_count_.store(pins, std::memory_order_relaxed);
    watch_count_.store(watches, std::memory_order_relaxed);
  }

  void Fill(local::v1::Stats& stats) {
    Count();
    stats = Statistics();
    if (stats_source_) stats_source_(stats);
  }

  const LocalServerOptions options_;
  GuestDirectory& directory_;
  const Clock& clock_;
  const Listener listener_;
  const std::shared_ptr<CompletionQueue> completions_;
  ArenaNumbers arenas_;
  const ConnectionContext context_;
  std::function<void(local::v1::Stats&)> stats_source_;

  Connections connections_;
  std::uint64_t next_connection_ = 1;
  std::vector<pollfd> polled_;
  bool accepting_ = true;
  std::uint64_t log_end_ = 0;

  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> connection_count_{0};
  std::atomic<std::uint64_t> pin_count_{0};
  std::atomic<std::uint64_t> watch_count_{0};
};

}  // namespace

absl::StatusOr<std::unique_ptr<LocalServer>> LocalServer::Listen(LocalServerOptions options,
                                                                 GuestDirectory& directory,
                                                                 const Clock& clock) {
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return ErrnoStatus(errno, "create an eventfd for the local server");
  SF_ASSIGN_OR_RETURN(Listener listener, Listener::Open(options.socket_path, options.socket_mode,
                                                        options.socket_group));
  return std::make_unique<PollServer>(std::move(options), directory, clock, std::move(listener),
                                      std::make_shared<CompletionQueue>(std::move(wake)));
}

}  // namespace stillframe
