// One booted QEMU guest for all tests of a suite.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "absl/status/status.h"
#include "support/qemu_process.h"

// The test's own QEMU; without QEMU or the guest's images on this machine the test is skipped.
#define START_QEMU(qemu, setup)                                                      \
  auto qemu##_or = QemuProcess::Start(setup);                                        \
  if (absl::IsUnimplemented(qemu##_or.status())) GTEST_SKIP() << qemu##_or.status(); \
  ASSERT_TRUE(qemu##_or.ok()) << qemu##_or.status();                                 \
  const std::unique_ptr<QemuProcess> qemu = *std::move(qemu##_or)

namespace stillframe {

class BootedQemuTest : public testing::Test {
 protected:
  // For SetUpTestSuite.
  static void Boot(const QemuSetup& setup) {
    auto started = QemuProcess::Start(setup);
    start_status_ = started.status();
    if (!started.ok()) return;
    qemu_ = *std::move(started);
    start_status_ = qemu_->WaitReady();
  }
  static void TearDownTestSuite() { qemu_.reset(); }

  void SetUp() override {
    if (absl::IsUnimplemented(start_status_)) GTEST_SKIP() << start_status_;
    ASSERT_TRUE(start_status_.ok()) << start_status_;
  }

  static inline std::unique_ptr<QemuProcess> qemu_;

 private:
  static inline absl::Status start_status_;
};

}  // namespace stillframe
