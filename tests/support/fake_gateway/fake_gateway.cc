#include "support/fake_gateway/fake_gateway.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "stillframe/v1/guest_service.grpc.pb.h"
#include "stillframe/v1/memory_service.grpc.pb.h"
#include "stillframe/v1/pin_service.grpc.pb.h"
#include "stillframe/v1/snapshot_service.grpc.pb.h"
#include "support/fake_gateway/fake_errors.h"

namespace stillframe::testing {
namespace {

using grpc::ServerContext;
using grpc::Status;
using SnapshotHold = std::shared_ptr<const FakeSnapshot>;

// The services are synchronous: they wait for events by polling.
constexpr std::chrono::milliseconds kPoll{2};

v1::Snapshot Brief(v1::Snapshot snapshot) {
  snapshot.clear_vcpus();
  snapshot.clear_memory_regions();
  return snapshot;
}

Status PastEnd() {
  return FakeError(grpc::StatusCode::OUT_OF_RANGE, "range ends past the end", "RANGE_PAST_END", {});
}

class Guests final : public v1::GuestService::Service {
 public:
  explicit Guests(FakeWorld& world) : world_(world) {}

  // One guest a page, so that clients have to ask again.
  Status ListGuests(ServerContext*, const v1::ListGuestsRequest* request,
                    v1::ListGuestsResponse* response) override {
    const auto guests = world_.Guests();
    const std::size_t index = request->page_token().empty() ? 0 : std::stoul(request->page_token());
    if (index < guests.size()) *response->add_guests() = guests[index];
    if (index + 1 < guests.size()) response->set_next_page_token(std::to_string(index + 1));
    return Status::OK;
  }
  Status GetGuest(ServerContext*, const v1::GetGuestRequest* request,
                  v1::GetGuestResponse* response) override {
    return world_.Find(request->guest(), *response->mutable_guest());
  }

 private:
  FakeWorld& world_;
};

class Snapshots final : public v1::SnapshotService::Service {
 public:
  explicit Snapshots(FakeWorld& world) : world_(world) {}

  Status ListSnapshots(ServerContext*, const v1::ListSnapshotsRequest* request,
                       v1::ListSnapshotsResponse* response) override {
    v1::Guest guest;
    if (Status status = world_.Find(request->guest(), guest); !status.ok()) return status;
    for (const auto& snapshot : world_.List(guest.uuid())) {
      *response->add_snapshots() = Brief(snapshot->metadata);
    }
    return Status::OK;
  }

  Status GetSnapshot(ServerContext*, const v1::GetSnapshotRequest* request,
                     v1::GetSnapshotResponse* response) override {
    SnapshotHold snapshot;
    if (Status status = world_.Find(request->snapshot(), snapshot); !status.ok()) return status;
    *response->mutable_snapshot() = snapshot->metadata;
    return Status::OK;
  }

  Status CaptureSnapshot(ServerContext* context, const v1::CaptureSnapshotRequest* request,
                         v1::CaptureSnapshotResponse* response) override {
    v1::Guest guest;
    if (Status status = world_.Find(request->guest(), guest); !status.ok()) return status;
    while (world_.captures_held()) {
      if (context->IsCancelled()) {
        world_.CaptureWithdrawn();
        return Status::CANCELLED;
      }
      std::this_thread::sleep_for(kPoll);
    }
    const auto snapshots = world_.List(guest.uuid());
    world_.Publish(guest.name(),
                   snapshots.empty() ? FakeImage{PageOf('n')} : snapshots.back()->pages);
    *response->mutable_snapshot() = world_.List(guest.uuid()).back()->metadata;
    return Status::OK;
  }

  Status WatchSnapshots(ServerContext* context, const v1::WatchSnapshotsRequest* request,
                        grpc::ServerWriter<v1::WatchSnapshotsResponse>* writer) override {
    v1::Guest guest;
    if (Status status = world_.Find(request->guest(), guest); !status.ok()) return status;
    if (!request->epoch().empty() && request->epoch() != guest.epoch()) {
      return FakeError(grpc::StatusCode::FAILED_PRECONDITION, "the epoch changed", "EPOCH_CHANGED",
                       {});
    }
    std::size_t next = world_.EventCount();
    writer->Write({});
    if (request->from_generation() != 0) Replay(guest, request->from_generation(), *writer);
    v1::WatchSnapshotsResponse response;
    while (!context->IsCancelled()) {
      if (!world_.NextEvent(next, *response.mutable_event())) continue;
      ++next;
      if (response.event().guest_uuid() == guest.uuid() && !writer->Write(response)) break;
    }
    return Status::CANCELLED;
  }

  Status ListChangedExtents(ServerContext*, const v1::ListChangedExtentsRequest* request,
                            grpc::ServerWriter<v1::ListChangedExtentsResponse>* writer) override {
    v1::SnapshotSelector selector;
    selector.set_guest(request->guest());
    selector.set_epoch(request->epoch());
    SnapshotHold base;
    SnapshotHold target;
    selector.set_generation(request->base_generation());
    if (Status status = world_.Find(selector, base); !status.ok()) return status;
    selector.set_generation(request->target_generation());
    if (Status status = world_.Find(selector, target); !status.ok()) return status;
    v1::ListChangedExtentsResponse response;
    *response.mutable_base() = Brief(base->metadata);
    *response.mutable_target() = Brief(target->metadata);
    for (std::size_t i = 0; i < target->pages.size(); ++i) {
      if (base->pages[i] == target->pages[i]) continue;
      auto* last =
          response.extents_size() > 0 ? response.mutable_extents()->rbegin().operator->() : nullptr;
      const std::uint64_t end = last == nullptr ? 0 : last->first_gfn() + last->page_count();
      if (last != nullptr && (i == end || i - end < request->coalesce_pages())) {
        last->set_page_count(i + 1 - last->first_gfn());
      } else {
        auto* extent = response.add_extents();
        extent->set_first_gfn(i);
        extent->set_page_count(1);
      }
    }
    writer->Write(response);
    return Status::OK;
  }

  Status ListAllocatedExtents(
      ServerContext*, const v1::ListAllocatedExtentsRequest* request,
      grpc::ServerWriter<v1::ListAllocatedExtentsResponse>* writer) override {
    SnapshotHold snapshot;
    if (Status status = world_.Find(request->snapshot(), snapshot); !status.ok()) return status;
    const FakeImage& pages = snapshot->pages;
    for (std::size_t i = 0; i < pages.size();) {
      std::size_t end = i;
      while (end < pages.size() && pages[end].status == pages[i].status) ++end;
      v1::ListAllocatedExtentsResponse response;
      auto* extent = response.add_extents();
      extent->set_first_gfn(i);
      extent->set_page_count(end - i);
      extent->set_status(pages[i].status);
      writer->Write(response);
      i = end;
    }
    return Status::OK;
  }

 private:
  void Replay(const v1::Guest& guest, std::uint64_t from,
              grpc::ServerWriter<v1::WatchSnapshotsResponse>& writer) {
    const auto respond = [&] {
      v1::WatchSnapshotsResponse response;
      response.mutable_event()->set_guest_uuid(guest.uuid());
      response.mutable_event()->set_guest_name(guest.name());
      response.mutable_event()->set_epoch(guest.epoch());
      return response;
    };
    if (from < guest.oldest_generation()) {
      auto response = respond();
      response.mutable_event()->mutable_missed()->set_first_generation(from);
      response.mutable_event()->mutable_missed()->set_last_generation(guest.oldest_generation() -
                                                                      1);
      writer.Write(response);
    }
    for (const auto& snapshot : world_.List(guest.uuid())) {
      if (snapshot->metadata.generation() < from) continue;
      auto response = respond();
      *response.mutable_event()->mutable_published() = Brief(snapshot->metadata);
      writer.Write(response);
    }
  }

  FakeWorld& world_;
};

class Pins final : public v1::PinService::Service {
 public:
  explicit Pins(FakeWorld& world) : world_(world) {}

  Status HoldPin(ServerContext* context, const v1::HoldPinRequest* request,
                 grpc::ServerWriter<v1::HoldPinResponse>* writer) override {
    SnapshotHold snapshot;
    if (Status status = world_.Find(request->snapshot(), snapshot); !status.ok()) return status;
    world_.Pin(1);
    v1::HoldPinResponse response;
    *response.mutable_snapshot() = snapshot->metadata;
    writer->Write(response);
    while (!context->IsCancelled()) std::this_thread::sleep_for(kPoll);
    world_.Pin(-1);
    return Status::CANCELLED;
  }

 private:
  FakeWorld& world_;
};

class Memory final : public v1::MemoryService::Service {
 public:
  explicit Memory(FakeWorld& world) : world_(world) {}

  Status ReadPages(ServerContext*, const v1::ReadPagesRequest* request,
                   grpc::ServerWriter<v1::ReadPagesResponse>* writer) override {
    SnapshotHold snapshot;
    if (Status status = world_.Find(request->snapshot(), snapshot); !status.ok()) return status;
    const FakeImage& pages = snapshot->pages;
    v1::ReadPagesResponse first;
    *first.mutable_snapshot() = Brief(snapshot->metadata);
    writer->Write(first);
    for (const auto& range : request->ranges()) {
      if (range.page_count() > pages.size() ||
          range.first_gfn() > pages.size() - range.page_count()) {
        return PastEnd();
      }
      const std::uint64_t end = range.first_gfn() + range.page_count();
      for (std::uint64_t i = range.first_gfn(); i < end;) {
        v1::ReadPagesResponse run;
        run.set_first_gfn(i);
        run.set_status(pages[i].status);
        const std::uint64_t pages_max = request->chunk_bytes() / 4096;
        for (; i < end && pages[i].status == run.status() && run.page_count() < pages_max; ++i) {
          run.mutable_data()->append(pages[i].bytes);
          run.set_page_count(run.page_count() + 1);
        }
        if (run.status() != v1::PAGE_STATUS_PRESENT && request->skip_empty()) continue;
        if (!writer->Write(run)) return Status::CANCELLED;
      }
    }
    return Status::OK;
  }

  Status ReadScatter(
      ServerContext*,
      grpc::ServerReaderWriter<v1::ReadScatterResponse, v1::ReadScatterRequest>* stream) override {
    v1::ReadScatterRequest request;
    SnapshotHold snapshot;
    while (stream->Read(&request)) {
      if (request.has_snapshot()) {
        if (Status status = world_.Find(request.snapshot(), snapshot); !status.ok()) return status;
      }
      v1::ReadScatterResponse response;
      response.set_epoch(snapshot->metadata.epoch());
      response.set_generation(snapshot->metadata.generation());
      for (const auto& read : request.reads()) {
        if (read.address() + read.length() > snapshot->pages.size() * 4096) return PastEnd();
        Fill(*snapshot, read, *response.add_results());
      }
      if (!stream->Write(response)) break;
    }
    return Status::OK;
  }

  Status ReadMachineFrames(ServerContext*, const v1::ReadMachineFramesRequest* request,
                           grpc::ServerWriter<v1::ReadMachineFramesResponse>* writer) override {
    constexpr std::size_t kPart = 1000;
    SnapshotHold snapshot;
    if (Status status = world_.Find(request->snapshot(), snapshot); !status.ok()) return status;
    const std::vector<std::uint64_t>& frames = snapshot->machine_frames;
    if (frames.empty()) {
      return FakeError(grpc::StatusCode::FAILED_PRECONDITION, "the guest has no machine frames",
                       "NO_MACHINE_FRAMES", {});
    }
    v1::ReadMachineFramesResponse first;
    *first.mutable_snapshot() = Brief(snapshot->metadata);
    writer->Write(first);
    for (std::size_t at = 0; at < frames.size(); at += kPart) {
      v1::ReadMachineFramesResponse part;
      part.set_first_gfn(at);
      for (std::size_t i = at; i < std::min(frames.size(), at + kPart); ++i) {
        part.add_machine_frames(frames[i]);
      }
      if (!writer->Write(part)) return Status::CANCELLED;
    }
    return Status::OK;
  }

 private:
  static void Fill(const FakeSnapshot& snapshot, const v1::ReadScatterRequest::Read& read,
                   v1::ReadScatterResponse::Result& result) {
    result.set_status(v1::PAGE_STATUS_PRESENT);
    for (std::uint64_t at = read.address(); at < read.address() + read.length();) {
      const FakePage& page = snapshot.pages[at / 4096];
      const std::uint64_t end = std::min((at / 4096 + 1) * 4096, read.address() + read.length());
      if (page.status == v1::PAGE_STATUS_PRESENT) {
        result.mutable_data()->append(page.bytes, at % 4096, end - at);
      } else if (page.status == v1::PAGE_STATUS_ZERO) {
        result.mutable_data()->append(end - at, '\0');
      } else {
        result.set_status(page.status);
        return;
      }
      at = end;
    }
  }

  FakeWorld& world_;
};

}  // namespace

struct FakeGateway::Services {
  explicit Services(FakeWorld& world)
      : guests(world), snapshots(world), pins(world), memory(world) {}
  Guests guests;
  Snapshots snapshots;
  Pins pins;
  Memory memory;
};

FakeGateway::FakeGateway(FakeWorld& world, const std::string& address)
    : services_(std::make_unique<Services>(world)) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.RegisterService(&services_->guests);
  builder.RegisterService(&services_->snapshots);
  builder.RegisterService(&services_->pins);
  builder.RegisterService(&services_->memory);
  server_ = builder.BuildAndStart();
}

FakeGateway::~FakeGateway() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
}

}  // namespace stillframe::testing
