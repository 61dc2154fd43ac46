// A stack over simulated guests whose gateway serves metrics.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "integration/ops/http_get.h"
#include "integration/stack/sim_stack.h"
#include "support/eventually.h"
#include "support/exposition.h"

namespace stillframe {

class MetricsStackTest : public SimStackTest {
 protected:
  void StartWithMetrics(const std::string& defaults) {
    StackSetup setup;
    setup.gateway = "[metrics]\nlisten = \"127.0.0.1:0\"";
    StartStack(defaults, setup);
    ASSERT_NE(stack_, nullptr);
    ReadPort();
  }

  // Anew after the gateway was started again.
  void ReadPort() {
    const std::string log = stack_->gateway().Log();
    const std::string before = "metrics on http://127.0.0.1:";
    const std::size_t at = log.rfind(before);
    ASSERT_NE(at, std::string::npos) << log;
    port_ = std::stoi(log.substr(at + before.size()));
  }

  Exposition Scrape() const {
    const HttpResponse response = HttpGet(port_, "/metrics");
    EXPECT_EQ(response.status, 200);
    auto parsed = Exposition::Parse(response.body);
    EXPECT_TRUE(parsed.ok()) << parsed.status() << "\n" << response.body;
    return parsed.ok() ? *std::move(parsed) : Exposition{};
  }

  // -1: there is no such sample.
  static double ValueOf(const Exposition& scrape, const std::string& name,
                        const std::map<std::string, std::string>& labels = {}) {
    const Exposition::Sample* sample = scrape.Find(name, labels);
    return sample == nullptr ? -1 : sample->value;
  }

  int port_ = 0;
};

}  // namespace stillframe
