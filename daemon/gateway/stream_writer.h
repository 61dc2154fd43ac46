// A stream of responses: one write at a time, under the warden's eye, ended exactly once.
//
// Deletes itself when gRPC is done with it. A subclass says what comes next; Next is never called
// twice at once, and on no particular thread.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <string_view>
#include <utility>

#include "base/mutex.h"
#include "gateway/gateway_call.h"
#include "gateway/grpc_status.h"

namespace stillframe {

template <typename Response>
class StreamWriter : public grpc::ServerWriteReactor<Response>, private StreamWarden::Stream {
 public:
  explicit StreamWriter(std::unique_ptr<GatewayCall> call)
      : call_(std::move(call)), ticket_(call_->context().warden, *this) {}

  // Begins to send. Once, before the reactor is given to gRPC.
  void Start() { Pump(); }

  void OnWriteDone(bool ok) final {
    ticket_.Disarm();
    Clear(response_);
    {
      MutexLock lock(mu_);
      busy_ = false;
      cancelled_ = cancelled_ || !ok;
    }
    Pump();
  }

  void OnCancel() final {
    {
      MutexLock lock(mu_);
      cancelled_ = true;
    }
    Pump();
  }

  void OnDone() final { delete this; }

 protected:
  enum class Step {
    kWrite,          // `response` is to be sent
    kWait,           // until Wake or a turn
    kWaitForReader,  // the same, but within the stall bound
    kYield,          // others first
    kEnd,            // with `end`
  };

  virtual Step Next(Response& response, absl::Status& end) = 0;

  // Something changed that Next may have waited for. Any thread; not after the subclass's
  // destructor began.
  void Wake() { Pump(); }

  StreamWarden::StreamId id() const { return ticket_.id(); }
  GatewayCall& call() { return *call_; }

 private:
  void OnTurn() final { Pump(); }
  void OnStall() final { call_->grpc()->TryCancel(); }

  static void Clear(grpc::ByteBuffer& buffer) { buffer.Clear(); }
  template <typename Message>
  static void Clear(Message& message) {
    message.Clear();
  }

  Step NextIfStillAllowed(absl::Status& end) {
    if (absl::Status allowed = call_->CheckStill(); !allowed.ok()) {
      end = std::move(allowed);
      return Step::kEnd;
    }
    return Next(response_, end);
  }

  // After Finish or StartWrite the object may be gone or busy on another thread: leave at once.
  void Pump() {
    while (true) {
      bool cancelled = false;
      {
        MutexLock lock(mu_);
        if (finished_) return;
        if (busy_) {
          again_ = true;
          return;
        }
        busy_ = true;
        again_ = false;
        cancelled = cancelled_;
      }
      absl::Status end = absl::CancelledError("the caller went away");
      const Step step = cancelled ? Step::kEnd : NextIfStillAllowed(end);
      if (step == Step::kWrite) {
        waits_for_reader_ = false;
        ticket_.Arm();
        this->StartWrite(&response_);
        return;
      }
      if (step == Step::kEnd) {
        {
          MutexLock lock(mu_);
          finished_ = true;
        }
        ticket_.Disarm();
        call_->End(end);
        this->Finish(ToGrpc(end));
        return;
      }
      if (step == Step::kWaitForReader && !waits_for_reader_) {
        waits_for_reader_ = true;
        ticket_.Arm();
      }
      if (step == Step::kYield) ticket_.RequestTurn();
      MutexLock lock(mu_);
      busy_ = false;
      if (!again_) return;
    }
  }

  const std::unique_ptr<GatewayCall> call_;
  Response response_;
  bool waits_for_reader_ = false;

  Mutex mu_;
  bool busy_ ABSL_GUARDED_BY(mu_) = false;  // a write is out, or Next is asked
  bool again_ ABSL_GUARDED_BY(mu_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;

  StreamWarden::Ticket ticket_;  // last: no turn before the rest is there
};

// A stream that ends with `status` before it began.
template <typename Response>
grpc::ServerWriteReactor<Response>* RefuseStream(const absl::Status& status) {
  class Refused : public grpc::ServerWriteReactor<Response> {
   public:
    explicit Refused(const grpc::Status& refusal) { this->Finish(refusal); }
    void OnDone() override { delete this; }
  };
  return new Refused(ToGrpc(status));
}

// Admits a call and begins the stream that `make` makes of it, or ends it with what it lacks.
// `make(std::unique_ptr<GatewayCall>&)` returns an absl::StatusOr of a new StreamWriter, and takes
// the call only when it succeeds.
template <typename Response, typename Make>
grpc::ServerWriteReactor<Response>* ServeStream(const GatewayContext& context,
                                                grpc::CallbackServerContext* grpc,
                                                std::string_view method, std::string_view attempt,
                                                const Make& make) {
  auto call = std::make_unique<GatewayCall>(context, grpc, method);
  absl::Status status = call->AdmitStream(attempt);
  if (status.ok()) {
    const auto stream = make(call);
    if (stream.ok()) {
      (*stream)->Start();
      return *stream;
    }
    status = stream.status();
  }
  call->End(status);
  return RefuseStream<Response>(status);
}

}  // namespace stillframe
