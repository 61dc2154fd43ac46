#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "local/connect.h"
#include "local/frame.h"
#include "soak/readers.h"
#include "soak/rest.h"
#include "soak/stamped_guest.h"
#include "stillframe/connection.h"
#include "stillframe/local/v1/local.pb.h"

namespace stillframe::soak {
namespace {

// A stream of the gateway: the first run that arrives is never given back.
absl::Status HoldUpStream(const ReaderSetup& setup, std::stop_token stop) {
  constexpr std::chrono::seconds kNever{120};
  SF_ASSIGN_OR_RETURN(const auto connection, Connection::Open(setup.gateway_target));
  SF_ASSIGN_OR_RETURN(const auto reader, connection->OpenSnapshot(Select(setup.guests.front())));
  const std::vector<GfnRange> ranges(64, kWindow);  // 256 MiB
  return reader->ReadPages(
      ranges, EmptyRuns::kSkip,
      [&](const PageRun&) {
        RestFor(kNever, stop);
        return absl::OkStatus();
      },
      stop);
}

// The daemon's socket: requests until it takes no more, then silence until it hangs up.
absl::Status HoldUpReplies(const ReaderSetup& setup, const std::stop_token& stop) {
  const std::string path = setup.local_target.substr(setup.local_target.find(':') + 1);
  SF_ASSIGN_OR_RETURN(const UniqueFd socket, ConnectUnixSocket(path));
  local::v1::Request request;
  request.set_id(1);
  request.mutable_hello()->set_protocol(1);
  SF_ASSIGN_OR_RETURN(const std::string hello, EncodeFrame(request, kRequestBytesMax));
  request.mutable_list_guests();
  bool hung_up = send(socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL) < 0;
  while (!hung_up && !stop.stop_requested()) {
    pollfd writable{socket.get(), POLLOUT, 0};
    if (poll(&writable, 1, 200) <= 0) continue;
    request.set_id(request.id() + 1);
    SF_ASSIGN_OR_RETURN(const std::string list, EncodeFrame(request, kRequestBytesMax));
    hung_up = (writable.revents & (POLLHUP | POLLERR)) != 0 ||
              (send(socket.get(), list.data(), list.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
               errno != EAGAIN);
  }
  return absl::UnavailableError("the daemon hung up");
}

}  // namespace

void RunWedgedReader(std::size_t index, const ReaderSetup& setup, Tally& tally,
                     std::stop_token stop) {
  while (!stop.stop_requested()) {
    const absl::Status ended =
        index % 2 == 0 ? HoldUpStream(setup, stop) : HoldUpReplies(setup, stop);
    if (!ended.ok() && !stop.stop_requested()) ++tally.wedged_drops;
    RestFor(std::chrono::seconds(1), stop);
  }
}

}  // namespace stillframe::soak
