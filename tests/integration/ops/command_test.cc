// `stillframe top` and `stillframe status` against real daemons.
#include <gmock/gmock.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>

#include "integration/stack/sim_stack.h"
#include "support/eventually.h"

namespace stillframe {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Json = nlohmann::json;

struct Output {
  int exit_code = -1;
  std::string text;  // standard error too
};

class CommandTest : public SimStackTest {
 protected:
  Output Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), STILLFRAME_CLI);
    const std::string log = logs_.path() + "/" + std::to_string(runs_++);
    const auto process = ChildProcess::Start(arguments, log);
    EXPECT_TRUE(process.ok()) << process.status();
    const int status = (*process)->Wait();
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, (*process)->Log()};
  }

  static Json Parse(const std::string& text) {
    Json json = Json::parse(text, nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << text;
    return json;
  }

  TempDirectory logs_;
  int runs_ = 0;
};

TEST_F(CommandTest, AHealthyHostIsSaidToBe) {
  const auto guest = StartGuest("web1", {"--ram-mib", "16"});
  ASSERT_NE(guest, nullptr);
  StartStack("period_ms = 50");
  ASSERT_TRUE(stack_->AwaitEpochAfter("web1", "").ok());
  for (const std::string& target : {stack_->gateway_target(), stack_->local_target()}) {
    const Output plain = Run({"status", "--target", target});
    EXPECT_EQ(plain.exit_code, 0) << plain.text;
    EXPECT_THAT(plain.text, StartsWith("healthy\n"));
    EXPECT_THAT(plain.text, HasSubstr("guests    1, 1 of them captured\n"));
    const Json json = Parse(Run({"status", "--json", "--target", target}).text);
    EXPECT_EQ(json["healthy"], true);
    EXPECT_GT(json["host"]["daemon"]["arena_bytes_max"], 0);
    EXPECT_EQ(json["host"].contains("gateway"), target == stack_->gateway_target());
  }
}

TEST_F(CommandTest, AGuestWhoseCapturesFailMakesTheHostUnhealthy) {
  const auto guest =
      StartGuest("large", {"--ram-mib", "192", "--workload", "random", "--window-pages", "46000"});
  ASSERT_NE(guest, nullptr);
  StartStack("period_ms = 0\narena_bytes_max = 67108864");
  ASSERT_TRUE(
      Eventually([&] { return absl::IsResourceExhausted(remote().Capture("large").status()); }));
  const Output output = Run({"status", "--target", stack_->gateway_target()});
  EXPECT_EQ(output.exit_code, 7);
  EXPECT_THAT(output.text, HasSubstr("UNHEALTHY: 1 problem\n"));
  EXPECT_THAT(output.text, HasSubstr("PROBLEM   guest large: "));
}

TEST_F(CommandTest, AHostWithoutItsDaemonCannotBeAsked) {
  StartStack("");
  stack_->daemon().Signal(SIGKILL);
  stack_->daemon().Wait();
  EXPECT_TRUE(Eventually([&] {
    return Run({"status", "--target", stack_->gateway_target()}).exit_code == 4;
  }));
}

TEST_F(CommandTest, TopPrintsOneTableOrOneDocument) {
  const auto guest = StartGuest("web1", {"--ram-mib", "16", "--workload", "torn"});
  ASSERT_NE(guest, nullptr);
  StartStack("period_ms = 20");
  ASSERT_TRUE(stack_->AwaitEpochAfter("web1", "").ok());
  for (const std::string& target : {stack_->gateway_target(), stack_->local_target()}) {
    const Output plain = Run({"top", "--once", "--interval", "0.5", "--target", target});
    EXPECT_EQ(plain.exit_code, 0) << plain.text;
    EXPECT_THAT(plain.text, StartsWith("stillframed "));
    EXPECT_THAT(plain.text, HasSubstr("\nweb1 "));
    EXPECT_THAT(plain.text, Not(HasSubstr("\033")));
    Json json;
    EXPECT_TRUE(Eventually([&] {
      json = Parse(Run({"top", "--once", "--json", "--interval", "0.5", "--target", target}).text);
      return json["guests"].size() == 1 && json["guests"][0]["captures_per_s"] > 0;
    })) << json;
    ASSERT_EQ(json["guests"].size(), 1u);
    EXPECT_GT(json["guests"][0]["pause_mean_ns"], 0);
    EXPECT_GT(json["guests"][0]["downtime"], 0);
    EXPECT_LT(json["guests"][0]["downtime"], 1);
  }
}

TEST_F(CommandTest, TopInAPipePrintsAsManyTablesAsAskedFor) {
  StartStack("");
  const Output tables =
      Run({"top", "--count", "3", "--interval", "0.1", "--target", stack_->gateway_target()});
  EXPECT_EQ(tables.exit_code, 0) << tables.text;
  std::size_t count = 0;
  for (std::size_t at = 0; (at = tables.text.find("stillframed ", at)) != std::string::npos; ++at) {
    ++count;
  }
  EXPECT_EQ(count, 3u);
}

// A command on a terminal of its own.
class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& arguments) {
    std::vector<char*> argv;
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const winsize size{10, 60, 0, 0};
    pid_ = forkpty(&master_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      execv(argv[0], argv.data());
      _exit(127);
    }
  }
  ~Terminal() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(master_);
  }

  // Reads until `text` was shown, after what was waited for before.
  bool Shows(const std::string& text) {
    std::array<char, 4096> buffer;
    std::size_t at;
    while ((at = shown_.find(text, seen_)) == std::string::npos) {
      const ssize_t got = read(master_, buffer.data(), buffer.size());
      if (got <= 0) return false;
      shown_.append(buffer.data(), static_cast<std::size_t>(got));
    }
    seen_ = at + text.size();
    return true;
  }

  void Type(const std::string& text) {
    EXPECT_EQ(write(master_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  int WaitForExit() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  const std::string& shown() const { return shown_; }

 private:
  pid_t pid_ = -1;
  int master_ = -1;
  std::string shown_;
  std::size_t seen_ = 0;
};

TEST_F(CommandTest, TopOnATerminalIsAliveOverRestartsUntilCtrlC) {
  const auto guest = StartGuest("web1", {"--ram-mib", "16"});
  ASSERT_NE(guest, nullptr);
  StartStack("period_ms = 50");
  ASSERT_TRUE(stack_->AwaitEpochAfter("web1", "").ok());
  Terminal top({STILLFRAME_CLI, "top", "--interval", "0.1", "--target", stack_->gateway_target()});
  EXPECT_TRUE(top.Shows("\033[?1049h"));
  EXPECT_TRUE(top.Shows("web1")) << top.shown();
  stack_->daemon().Signal(SIGKILL);
  stack_->daemon().Wait();
  EXPECT_TRUE(top.Shows("cannot be reached")) << top.shown();
  ASSERT_TRUE(stack_->StartDaemon().ok());
  EXPECT_TRUE(top.Shows("up 0 s")) << top.shown();
  top.Type("\x03");
  EXPECT_TRUE(top.Shows("\033[?1049l")) << top.shown();
  EXPECT_EQ(top.WaitForExit(), 0);
}

}  // namespace
}  // namespace stillframe
