// One suite for every way to read: what serves the snapshots differs, what readers see does not.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "stillframe/connection.h"
#include "support/fake_gateway/fake_gateway.h"

namespace stillframe::testing {

// Serves guest "web1".
class ReaderBackend {
 public:
  virtual ~ReaderBackend() = default;
  virtual std::string target() const = 0;

  // Present, zero and absent pages; becomes the next generation.
  virtual void Publish(const FakeImage& image) = 0;

  // For generations that are published from now on; as many as they have pages.
  virtual void SetMachineFrames(const std::vector<std::uint64_t>& frames) = 0;

  // Evicts generation 1; 2 is the oldest then.
  virtual void EvictFirst() = 0;

  virtual std::uint64_t pins() const = 0;
};

std::unique_ptr<ReaderBackend> MakeGrpcBackend();   // a fake gateway
std::unique_ptr<ReaderBackend> MakeLocalBackend();  // a local server over a real store

struct ReaderCase {
  const char* name;
  std::unique_ptr<ReaderBackend> (*make)();
};

class ReaderSuite : public ::testing::TestWithParam<ReaderCase> {};

}  // namespace stillframe::testing
