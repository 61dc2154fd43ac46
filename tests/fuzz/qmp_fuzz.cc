// What a QEMU says on its monitor: lines alone, and replies to commands over a real connection.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "base/unique_fd.h"
#include "fuzz/support/fuzz_input.h"
#include "fuzz/support/fuzz_target.h"
#include "guest/qemu/memory_writers.h"
#include "guest/qmp/qmp_connection.h"
#include "nlohmann/json.hpp"
#include "support/temp_directory.h"

namespace {

using namespace stillframe;
using namespace stillframe::fuzz;
using Timeout = QmpConnection::Timeout;

constexpr std::string_view kGreeting = "{\"QMP\": {\"version\": {}}}\n";
constexpr std::string_view kReady = "{\"return\": {}, \"id\": \"sf-1\"}\n";

bool Within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void ScanLine(std::string_view line) {
  const QmpFrame frame = ScanQmpFrame(line);
  Require(Within(frame.id, line) && Within(frame.body, line) && Within(frame.event, line),
          "what was found lies in the line");
  const std::string_view member = FindMember(frame.body, "status");
  Require(Within(member, line) && Within(Unquote(member), line), "so do members");
}

// Listens where QMP is spoken; all that a monitor says was said before it is asked.
class Monitor {
 public:
  Monitor() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    listener_.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    Require(
        bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
            listen(listener_.get(), 1) == 0,
        "there are sockets");
  }

  std::string path() const { return directory_.path() + "/qmp"; }

  UniqueFd Accept() const { return UniqueFd(accept4(listener_.get(), nullptr, nullptr, 0)); }

 private:
  TempDirectory directory_;
  UniqueFd listener_;
};

void Ask(QmpConnection& qmp) {
  constexpr Timeout kNow{0};
  MemoryWriters writers;
  const auto objects = qmp.Execute("qom-list", nullptr, kNow);
  if (objects.ok()) NoteObjects(*objects, writers);
  const auto nodes = qmp.Execute("query-named-block-nodes", nullptr, kNow);
  if (nodes.ok()) {
    NoteBlockNodes(*nodes, writers);
    DevicesIn("", *nodes);
  }
  const auto text = qmp.ExecuteHuman("info qtree", kNow);
  if (text.ok()) {
    NoteDevices(*text, writers);
    NoteNetworks(*text, writers);
    DevicesIn(*text, nullptr);
  }
  const auto frame = qmp.Call("query-status", "", kNow);
  if (frame.ok()) Unquote(FindMember(frame->body, "status"));
  static_cast<void>(qmp.Drain());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const Monitor* const monitor = new Monitor;
  constexpr std::size_t kSocketTakes = 64 << 10;  // without a reader
  const std::string text(reinterpret_cast<const char*>(bytes), std::min(size, kSocketTakes));
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    ScanLine(std::string_view(text).substr(at, end - at));
    at = end + 1;
  }

  auto qmp = QmpConnection::Connect(monitor->path());
  Require(qmp.ok(), "there are sockets");
  const UniqueFd peer = monitor->Accept();
  const std::string said = std::string(kGreeting) + std::string(kReady) + text;
  Require(
      send(peer.get(), said.data(), said.size(), MSG_DONTWAIT) == static_cast<ssize_t>(said.size()),
      "the socket takes it all");
  if ((*qmp)->Negotiate(Timeout{0}).ok()) Ask(**qmp);
  return 0;
}

namespace stillframe::fuzz {

std::vector<std::string> Seeds() {
  return {
      R"({"return": [{"name": "ram", "type": "child<memory-backend-memfd>"}], "id": "sf-2"})"
      "\n"
      R"({"return": [{"drv": "nvme", "node-name": "disk0", "cache": {"direct": true}}], "id": "sf-3"})"
      "\n"
      R"({"return": "dev: virtio-net-pci, id \"net0\"\r\n  net0: index=0,type=vhost-user,x\r\n", "id": "sf-4"})"
      "\n"
      R"({"return": {"status": "running", "running": true}, "id": "sf-5"})"
      "\n",
      R"({"timestamp": {"seconds": 1700000000, "microseconds": 5}, "event": "STOP"})"
      "\n"
      R"({"timestamp": {"seconds": 1, "microseconds": 2}, "event": "MIGRATION", "data": {"status": "completed"}})"
      "\n"
      R"({"timestamp": {"seconds": 99999999999999999999, "microseconds": -1}, "event": "RESUME"})"
      "\n",
      R"({"error": {"class": "GenericError", "desc": "no \u0041 \" way"}, "id": "sf-2"})"
      "\n",
      "{\"return\": " + std::string(63, '[') + std::string(63, ']') + ", \"id\": \"sf-2\"}\n",
      "{\"return\": " + std::string(9000, '[') + "\n",
      "{\"return\": \"\\",
      "\n\n{}\n[]\n{\"id\":}\n",
  };
}

}  // namespace stillframe::fuzz
