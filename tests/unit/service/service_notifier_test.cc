#include "service/service_notifier.h"

#include <gtest/gtest.h>

#include <string>

#include "support/notify_socket.h"

namespace stillframe {
namespace {

class ServiceNotifierTest : public testing::Test {
 protected:
  std::string Take() const { return manager_.Take(); }

  const NotifySocket manager_;
};

TEST_F(ServiceNotifierTest, TellsAStatusOnceUntilItChanges) {
  ServiceNotifier notifier;
  notifier.Ready("0 guests");
  EXPECT_EQ(Take(), "READY=1\nSTATUS=0 guests");
  notifier.Status("0 guests");
  EXPECT_EQ(Take(), "");
  notifier.Status("1 guests");
  EXPECT_EQ(Take(), "STATUS=1 guests");
}

TEST_F(ServiceNotifierTest, AGuestsNameCannotSpeakToTheServiceManager) {
  ServiceNotifier notifier;
  notifier.Status("last pause of web1\nSTOPPING=1");
  EXPECT_EQ(Take(), "STATUS=last pause of web1?STOPPING=1");
}

}  // namespace
}  // namespace stillframe
