// The suite that every backend passes. To run it on one: link
// stillframe_conformance and, in a file of the backend's own,
//   INSTANTIATE_TEST_SUITE_P(Sim, GuestConformance, testing::Values(BackendCase{"sim", ...}),
//                            BackendCaseName);
#pragma once

#include <memory>
#include <string>

#include "backend_fixture.h"
#include "gtest/gtest.h"

namespace stillframe {

class GuestConformance : public testing::TestWithParam<BackendCase> {
 protected:
  void SetUp() override { backend_ = GetParam().make(); }

  // Starts the guest and opens it; on failure `guest_` stays null and the test has failed or
  // been skipped with the reason.
  void StartAndOpen(const GuestShape& shape);

  // Pauses and fetches until the answer is no longer "unknown", as it may be, and all pages with
  // it, until the guest has run for a while. The guest runs when it returns.
  void AwaitDirtyLog(const GuestView& view);

  std::unique_ptr<BackendFixture> backend_;
  std::unique_ptr<Hypervisor> hypervisor_;
  std::unique_ptr<Guest> guest_;
};

inline std::string BackendCaseName(const testing::TestParamInfo<BackendCase>& info) {
  return info.param.name;
}

}  // namespace stillframe
