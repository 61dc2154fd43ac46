// Answers WatchSnapshots: passes the daemon's events on, through a bounded queue.
#pragma once

#include <memory>
#include <string>

#include "gateway/stream_writer.h"
#include "gateway/watch_queue.h"
#include "stillframe/v1/snapshot_service.pb.h"

namespace stillframe {

class WatchStream final : public StreamWriter<v1::WatchSnapshotsResponse> {
 public:
  WatchStream(std::unique_ptr<GatewayCall> call, std::shared_ptr<LocalClient> client);

  // Once, before the reactor is given to gRPC. `guest` as it is called towards the daemon.
  void Watch(const std::string& guest, const v1::WatchSnapshotsRequest& request);

 private:
  Step Next(v1::WatchSnapshotsResponse& response, absl::Status& end) override;

  const std::shared_ptr<LocalClient> client_;
  WatchQueue queue_;
  bool greeted_ = false;  // the first response was sent

  Mutex mu_;
  bool established_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mu_);

  std::unique_ptr<LocalClient::Operation> operation_;  // last: no callback once it is gone
};

}  // namespace stillframe
