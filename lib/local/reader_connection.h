// One reader's connection, as the daemon sees it: answers its requests, feeds its watches.
//
// Owned by the serving thread. Memory is bounded: a frame being received, replies up to a bound,
// and watches that queue nothing. When the object goes, so does all that the reader held.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "local/arena_numbers.h"
#include "local/completion_queue.h"
#include "local/connection_pins.h"
#include "local/frame_socket.h"
#include "local/guest_directory.h"
#include "local/server.h"
#include "local/watch_cursor.h"
#include "stillframe/local/v1/local.pb.h"

namespace stillframe {

// What all connections of a server share. References outlive them.
struct ConnectionContext {
  const LocalServerOptions& options;
  GuestDirectory& directory;
  const Clock& clock;
  ArenaNumbers& arenas;
  std::shared_ptr<CompletionQueue> completions;
  std::function<void(local::v1::Stats&)> fill_stats;
};

class ReaderConnection {
 public:
  ReaderConnection(const ConnectionContext& context, std::uint64_t number, UniqueFd socket);
  ~ReaderConnection();
  ReaderConnection(const ReaderConnection&) = delete;
  ReaderConnection& operator=(const ReaderConnection&) = delete;

  int socket() const { return socket_.get(); }

  // Each of these returns an error when the connection must end: UNAVAILABLE when the reader hung
  // up, else what the reader did wrong.

  // Reads and answers requests, a bounded number, so that others get their turn.
  absl::Status Receive();

  // Answers the capture `request`, unless it was cancelled.
  absl::Status Complete(std::uint64_t request, const absl::StatusOr<SnapshotPtr>& result);

  // Tells watches what is new since NoteEvents, while there is room for output.
  absl::Status FeedWatches();

  absl::Status Flush();

  // A reader that is silent before hello, or in the middle of a frame, is not waited for.
  absl::Status CheckPatience(std::uint64_t now_ns);

  // Says why the connection ends, as far as the socket takes it.
  void SayGoodbye(const absl::Status& why);

  bool wants_to_write() const { return !sender_.empty() || watches_behind_; }
  void NoteEvents() { watches_behind_ = !watches_.empty(); }

  ConnectionPins& pins() { return pins_; }
  std::size_t watch_count() const { return watches_.size(); }

 private:
  absl::Status Handle(const ReceivedFrame& frame);
  absl::Status Dispatch(const local::v1::Request& request, local::v1::Reply& reply,
                        OutgoingFrame& frame);
  absl::Status Pin(const local::v1::PinSnapshot& request, local::v1::Reply& reply,
                   OutgoingFrame& frame);
  absl::Status GetSegments(const local::v1::GetSegments& request, local::v1::Reply& reply,
                           OutgoingFrame& frame) const;
  absl::Status ListSnapshots(const std::string& guest, local::v1::Reply& reply) const;
  absl::Status GetSnapshot(const v1::SnapshotSelector& selector, local::v1::Reply& reply) const;
  absl::Status OpenCapture(std::uint64_t id, const std::string& guest);
  absl::Status OpenWatch(std::uint64_t id, const local::v1::Watch& request);
  void Cancel(std::uint64_t id);
  absl::Status CheckOperations() const;
  bool IsOpen(std::uint64_t id) const { return captures_.contains(id) || watches_.contains(id); }

  // `frame` may carry descriptors already. RESOURCE_EXHAUSTED when the reader does not read.
  absl::Status Send(const local::v1::Reply& reply, OutgoingFrame frame);

  const ConnectionContext& context_;
  const std::uint64_t number_;
  const UniqueFd socket_;
  FrameReceiver receiver_;
  FrameSender sender_;
  ConnectionPins pins_;
  std::map<std::uint64_t, GuestDirectory::CaptureId> captures_;  // by request
  std::map<std::uint64_t, WatchCursor> watches_;                 // by request
  std::uint64_t last_fed_ = 0;                                   // watches take turns
  bool watches_behind_ = false;
  bool greeted_ = false;
  std::uint64_t impatient_since_ns_ = 0;  // waiting for the reader to go on; 0: not
};

}  // namespace stillframe
