// Frames as they arrive in pieces of any size, and the messages in them.
#include <algorithm>
#include <cstring>

#include "fuzz/support/fuzz_input.h"
#include "fuzz/support/fuzz_target.h"
#include "fuzz/support/quiet_protobuf.h"
#include "local/frame.h"
#include "local/wire_error.h"
#include "stillframe/local/v1/local.pb.h"

namespace {

using namespace stillframe;
using namespace stillframe::fuzz;

// What was understood is said again in the same words.
template <typename Message>
void RoundTrip(const std::string& body) {
  Message message;
  if (!message.ParseFromString(body)) return;
  const auto frame = EncodeFrame(message, kReplyBytesMax);
  Require(frame.ok(), "a message that arrived can be sent on");
  Message again;
  Require(again.ParseFromString(frame->substr(kFrameHeaderBytes)), "an encoded frame decodes");
  if constexpr (std::is_same_v<Message, local::v1::Reply>) {
    if (message.has_error()) {
      Require(!FromWire(message.error()).ok(), "an error that arrived is never OK");
      static_cast<void>(ToWire(FromWire(message.error())));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  FuzzInput input(bytes, size);
  constexpr std::size_t kBodyMax = 1 << 14;
  const std::size_t piece_max = 1 + input.Take<std::uint8_t>() * 16;
  FrameDecoder decoder(kBodyMax);
  while (!input.empty()) {
    const std::span<std::byte> space = decoder.Space();
    Require(!space.empty(), "an unfinished frame has room");
    Require(space.size() <= 2 * size + 4096, "an announced length allocates nothing");
    const std::string_view piece = input.TakeText(std::min(piece_max, space.size()));
    std::memcpy(space.data(), piece.data(), piece.size());
    if (!decoder.Commit(piece.size()).ok()) return 0;
    if (!decoder.complete()) continue;
    const std::string body = decoder.Take();
    Require(body.size() <= kBodyMax, "no frame passes the bound");
    RoundTrip<local::v1::Request>(body);
    RoundTrip<local::v1::Reply>(body);
  }
  return 0;
}

namespace stillframe::fuzz {

std::vector<std::string> Seeds() {
  local::v1::Request request;
  request.set_id(1);
  request.mutable_pin_snapshot()->mutable_snapshot()->set_guest("web1");
  request.mutable_pin_snapshot()->set_ttl_ms(1000);
  local::v1::Reply reply;
  reply.set_id(1);
  reply.mutable_error()->set_code(5);
  reply.mutable_error()->set_message("no such guest");
  reply.mutable_error()->set_reason("GUEST_NOT_FOUND");
  (*reply.mutable_error()->mutable_metadata())["guest"] = "web1";
  local::v1::Reply snapshots;
  snapshots.set_id(2);
  v1::Snapshot& snapshot = *snapshots.mutable_snapshots()->add_snapshots();
  snapshot.set_generation(7);
  snapshot.add_vcpus()->mutable_general()->Resize(16, 1);
  snapshot.add_memory_regions()->set_page_count(64);
  const std::string frames = *EncodeFrame(request, kRequestBytesMax) +
                             *EncodeFrame(reply, kReplyBytesMax) +
                             *EncodeFrame(snapshots, kReplyBytesMax);
  return {FuzzSeed().Put<std::uint8_t>(255).Text(frames).Take(),
          FuzzSeed().Put<std::uint8_t>(0).Text(frames).Take(), std::string("\1\0\0\0\0\0\0\0\0", 9),
          std::string("\1\xff\xff\xff\xff", 5), ""};
}

}  // namespace stillframe::fuzz
