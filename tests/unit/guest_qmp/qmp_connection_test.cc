#include "guest/qmp/qmp_connection.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "base/status.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace stillframe {
namespace {

using std::chrono::milliseconds;

constexpr char kGreeting[] = "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n";

// A monitor that answers each line as the test says. `%` in an answer stands for the request's id.
class FakeMonitor {
 public:
  using Answer = std::function<std::string(const std::string& command)>;

  FakeMonitor(std::string greeting, Answer answer)
      : greeting_(std::move(greeting)), answer_(std::move(answer)) {
    std::string directory = (std::filesystem::temp_directory_path() / "sf-qmp-XXXXXX").string();
    EXPECT_NE(mkdtemp(directory.data()), nullptr);
    directory_ = directory;
    path_ = directory + "/qmp";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    listener_.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_.get(), 4), 0);
    thread_ = std::thread([this] { Serve(); });
  }

  ~FakeMonitor() {
    shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
    std::filesystem::remove_all(directory_);
  }

  const std::string& path() const { return path_; }

 private:
  void Serve() {
    UniqueFd client(accept(listener_.get(), nullptr, nullptr));
    if (!client.valid()) return;
    Write(client.get(), greeting_);
    std::string received;
    char bytes[4096];
    for (ssize_t got; (got = read(client.get(), bytes, sizeof bytes)) > 0;) {
      received.append(bytes, static_cast<std::size_t>(got));
      for (std::size_t end; (end = received.find('\n')) != std::string::npos;) {
        const nlohmann::json request = nlohmann::json::parse(received.substr(0, end));
        received.erase(0, end + 1);
        std::string answer = answer_(request["execute"].get<std::string>());
        const std::string id = request["id"].get<std::string>();
        for (std::size_t at; (at = answer.find('%')) != std::string::npos;) {
          answer.replace(at, 1, id);
        }
        if (answer == "close") return;
        Write(client.get(), answer);
      }
    }
  }

  static void Write(int fd, const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t sent = send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return;
      at += static_cast<std::size_t>(sent);
    }
  }

  const std::string greeting_;
  const Answer answer_;
  std::string directory_, path_;
  UniqueFd listener_;
  std::thread thread_;
};

std::unique_ptr<QmpConnection> Connected(const FakeMonitor& monitor) {
  auto qmp = QmpConnection::Connect(monitor.path());
  EXPECT_TRUE(qmp.ok()) << qmp.status();
  const absl::Status negotiated = (*qmp)->Negotiate(milliseconds(5000));
  EXPECT_TRUE(negotiated.ok()) << negotiated;
  return *std::move(qmp);
}

FakeMonitor::Answer Answering(const std::string& to_others) {
  return [to_others](const std::string& command) {
    return command == "qmp_capabilities" ? "{\"return\": {}, \"id\": \"%\"}\r\n" : to_others;
  };
}

TEST(QmpConnectionTest, SkipsEventsAndRepliesToOthers) {
  FakeMonitor monitor(
      kGreeting,
      Answering("{\"return\": {\"whose\": \"guardian\"}, \"id\": \"sf-guardian-c0\"}\r\n"
                "{\"timestamp\": {\"seconds\": 5, \"microseconds\": 6}, \"event\": \"RESUME\"}\r\n"
                "{\"timestamp\": {\"seconds\": 5, \"microseconds\": 7}, \"event\": "
                "\"DEVICE_DELETED\", \"data\": {\"path\": \"/machine/peripheral/dimm0\"}}\r\n"
                "{\"return\": {\"whose\": \"ours\"}, \"id\": \"%\"}\r\n"));
  const auto qmp = Connected(monitor);
  const auto reply = qmp->Call("cont", "", milliseconds(5000));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(Unquote(FindMember(reply->body, "whose")), "ours");
  EXPECT_EQ(qmp->events().resumes, 1u);
  EXPECT_EQ(qmp->events().last_resume_us, 5'000'006u);
  EXPECT_EQ(qmp->events().unplugs, 1u);
}

TEST(QmpConnectionTest, ReportsWhyQemuRefused) {
  FakeMonitor monitor(
      kGreeting,
      Answering(
          "{\"id\": \"%\", \"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}}\r\n"));
  const auto qmp = Connected(monitor);
  const absl::Status refused = qmp->Execute("stop", nullptr, milliseconds(5000)).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_NE(MessageOf(refused).find("not now"), std::string::npos);
}

TEST(QmpConnectionTest, GivesUpAtTheTimeoutAndIgnoresTheLateReply) {
  std::atomic<int> calls{0};
  FakeMonitor monitor(kGreeting, [&](const std::string& command) -> std::string {
    if (command == "qmp_capabilities") return "{\"return\": {}, \"id\": \"%\"}\r\n";
    if (calls++ == 0) return "";
    return "{\"return\": \"late\", \"id\": \"sf-2\"}\r\n{\"return\": \"now\", \"id\": \"%\"}\r\n";
  });
  const auto qmp = Connected(monitor);
  EXPECT_TRUE(absl::IsDeadlineExceeded(qmp->Call("stop", "", milliseconds(20)).status()));
  const auto reply = qmp->Call("cont", "", milliseconds(5000));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(Unquote(reply->body), "now");
}

TEST(QmpConnectionTest, ABusyMonitorDoesNotGreet) {
  FakeMonitor monitor("", Answering(""));
  auto qmp = QmpConnection::Connect(monitor.path());
  ASSERT_TRUE(qmp.ok());
  const absl::Status busy = (*qmp)->Negotiate(milliseconds(20));
  EXPECT_TRUE(absl::IsDeadlineExceeded(busy));
  EXPECT_NE(MessageOf(busy).find("another client"), std::string::npos);
}

TEST(QmpConnectionTest, WhatDoesNotSpeakQmpIsNoMonitor) {
  FakeMonitor monitor("SSH-2.0-OpenSSH\r\n", Answering(""));
  auto qmp = QmpConnection::Connect(monitor.path());
  ASSERT_TRUE(qmp.ok());
  EXPECT_TRUE(absl::IsUnavailable((*qmp)->Negotiate(milliseconds(5000))));
}

TEST(QmpConnectionTest, TheReplyThatIsTooLongIsSkippedAndTheNextOneRead) {
  std::atomic<int> calls{0};
  FakeMonitor monitor(kGreeting, [&](const std::string& command) -> std::string {
    if (command == "qmp_capabilities" || calls++ > 0) return "{\"return\": {}, \"id\": \"%\"}\r\n";
    return "{\"return\": \"" + std::string(QmpConnection::kReplyBytesMax + 10, 'x') +
           "\", \"id\": \"%\"}\r\n";
  });
  const auto qmp = Connected(monitor);
  EXPECT_TRUE(absl::IsResourceExhausted(
      qmp->Execute("query-flood", nullptr, milliseconds(20'000)).status()));
  EXPECT_TRUE(qmp->Call("cont", "", milliseconds(5000)).ok());
}

TEST(QmpConnectionTest, RepliesThatAreNoJsonAreRefused) {
  FakeMonitor monitor(kGreeting, Answering("{\"return\": {bad}, \"id\": \"%\"}\r\n"));
  const auto qmp = Connected(monitor);
  EXPECT_TRUE(absl::IsDataLoss(qmp->Execute("query-x", nullptr, milliseconds(5000)).status()));
}

TEST(QmpConnectionTest, AClosedMonitorOfALivingProcessIsUnavailable) {
  FakeMonitor monitor(kGreeting, Answering("close"));
  const auto qmp = Connected(monitor);
  EXPECT_TRUE(absl::IsUnavailable(qmp->Call("stop", "", milliseconds(5000)).status()));
}

TEST(QmpConnectionTest, NoSocketIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(QmpConnection::Connect("/nonexistent/qmp").status()));
}

}  // namespace
}  // namespace stillframe
