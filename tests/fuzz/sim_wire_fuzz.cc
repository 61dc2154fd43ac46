// What the process of a simulated guest answers, over its socket and as values.
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "fuzz/support/fuzz_input.h"
#include "fuzz/support/fuzz_target.h"
#include "guest/sim/sim_connection.h"
#include "guest/sim/sim_layout.h"

namespace {

using namespace stillframe;
using namespace stillframe::fuzz;

constexpr std::uint64_t kGuestPages = 64;
constexpr std::uint64_t kRamPages = 48;

void Decode(const sim::DescribeReply& layout) {
  const auto map = sim::CheckLayout(layout, kGuestPages, kRamPages);
  if (!map.ok()) return;
  Require(map->page_count() <= kGuestPages, "a map ends with the guest");
  Require(map->readable_pages() <= kGuestPages, "no page counts twice");
  const std::vector<std::uint64_t> table(map->page_count(), 5);
  Require(sim::MachineFramesOf(table, *map).size() == table.size(), "a frame for each page");
}

// Every reply was sent before the request, whose serial nobody can know beforehand but us: the
// first 8 bytes of a packet that begins like a reply are put right.
template <typename Reply>
void Call(sim::SimConnection& connection, int peer, sim::Command command, FuzzInput& input) {
  Reply reply;
  sim::Request request;
  request.command = command;
  static_cast<void>(connection.CallFor(request, reply, {}, std::chrono::milliseconds(0)));
  sim::Request seen;
  while (recv(peer, &seen, sizeof seen, MSG_DONTWAIT) > 0) {
  }
  std::string packet(input.TakeChunk());
  if (packet.size() >= sizeof(sim::ReplyHeader)) {
    sim::ReplyHeader header;
    std::memcpy(&header, packet.data(), sizeof header);
    if (header.serial == 0) header.serial = seen.serial + 1;
    std::memcpy(packet.data(), &header, sizeof header);
  }
  static_cast<void>(send(peer, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  if (!connection.CallFor(request, reply, {}, std::chrono::milliseconds(1)).ok()) return;
  if constexpr (std::is_same_v<Reply, sim::DescribeReply>) Decode(reply);
  if constexpr (std::is_same_v<Reply, sim::VcpusReply>) {
    static_cast<void>(sim::DecodeVcpus(reply));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  FuzzInput input(bytes, size);
  if (input.Take<std::uint8_t>() % 4 != 0) {
    Decode(input.Take<sim::DescribeReply>());
    static_cast<void>(sim::DecodeVcpus(input.Take<sim::VcpusReply>()));
    return 0;
  }
  std::array<int, 2> ends{};
  Require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0,
          "there are sockets");
  sim::SimConnection connection{UniqueFd(ends[0])};
  const UniqueFd peer(ends[1]);
  Call<sim::DescribeReply>(connection, peer.get(), sim::Command::kDescribe, input);
  Call<sim::VcpusReply>(connection, peer.get(), sim::Command::kVcpus, input);
  Call<sim::IdentifyReply>(connection, peer.get(), sim::Command::kIdentify, input);
  return 0;
}

namespace stillframe::fuzz {
namespace {

template <typename Body>
std::string Packet(sim::Command command, const Body& body) {
  sim::ReplyHeader header;
  header.command = command;
  header.body_bytes = sizeof body;
  return FuzzSeed().Put(header).Put(body).Take();
}

}  // namespace

std::vector<std::string> Seeds() {
  sim::DescribeReply layout{};
  layout.vcpus = 2;
  layout.region_count = 3;
  layout.regions[0] = {0, 16, 0, sim::WireRegion::kRam, 0};
  layout.regions[1] = {16, 8, 16, sim::WireRegion::kBallooned, 0};
  layout.regions[2] = {40, 24, 24, sim::WireRegion::kRam, 0};
  sim::VcpusReply vcpus{};
  vcpus.count = 2;
  sim::DescribeReply edges = layout;
  edges.regions[2] = {~std::uint64_t{0}, 2, ~std::uint64_t{0}, sim::WireRegion::kRam, 0};
  return {
      FuzzSeed().Put<std::uint8_t>(1).Put(layout).Put(vcpus).Take(),
      FuzzSeed().Put<std::uint8_t>(1).Put(edges).Put(vcpus).Take(),
      FuzzSeed()
          .Put<std::uint8_t>(0)
          .Chunk(Packet(sim::Command::kDescribe, layout))
          .Chunk(Packet(sim::Command::kVcpus, vcpus))
          .Chunk(Packet(sim::Command::kIdentify, sim::IdentifyReply{}))
          .Take(),
  };
}

}  // namespace stillframe::fuzz
