// What the daemons tell the service manager.
#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "integration/stack/sim_stack.h"
#include "support/eventually.h"
#include "support/notify_socket.h"

namespace stillframe {
namespace {

class NotifyTest : public SimStackTest {
 protected:
  // Whether a message that matches came or comes: two daemons talk at once.
  bool Told(const std::string& pattern) {
    const std::regex wanted(pattern, std::regex::ECMAScript | std::regex::multiline);
    return Eventually([&] {
      if (std::regex_search(heard_, wanted)) return true;
      if (const std::string message = manager_.Take(); !message.empty()) heard_ += message + "\n";
      return false;
    });
  }

  const NotifySocket manager_;
  std::string heard_;
};

TEST_F(NotifyTest, StatusLinesFollowGuestsAndPauses) {
  StartStack("period_ms = 50");
  const auto guest = StartGuest("web1", {"--ram-mib", "16"});
  ASSERT_NE(guest, nullptr);
  EXPECT_TRUE(Told("^STATUS=1 guests, 1 captured; last pause [0-9]+\\.[0-9] ms, of web1$"))
      << heard_;
  EXPECT_TRUE(Told("^STATUS=connected; 1 guests, 1 captured, 0 failing; 0 streams, 0 pins$"))
      << heard_;
  const auto reader = remote().OpenSnapshot(Select("web1"));
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE(Told("^STATUS=connected; .* 1 streams")) << heard_;
}

}  // namespace
}  // namespace stillframe
