// The stillframe command as a real process, against a gateway over plain arrays.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "support/fake_gateway/fake_gateway.h"

namespace stillframe::testing {

struct CliResult {
  int exit_code = -1;
  std::string out;
  std::string err;
};

class CliTest : public ::testing::Test {
 protected:
  // Guest web1, generations 1 and 2, of 8 pages: 'a' 'b' zero hole mmio ballooned 'c' 'd'; in
  // generation 2 page 1 is 'B' and page 7 zero. Guest idle has none.
  CliTest();
  ~CliTest() override;

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string target() const { return "unix:" + Path("gateway.sock"); }

  // Runs it to its end.
  CliResult Run(std::vector<std::string> arguments) const;

  // For tests that send signals.
  pid_t Start(std::vector<std::string> arguments) const;
  CliResult Wait(pid_t pid) const;

  std::string Contents(const std::string& name) const;

  std::string folder_;
  FakeWorld world_;
  std::unique_ptr<FakeGateway> gateway_;
};

}  // namespace stillframe::testing
