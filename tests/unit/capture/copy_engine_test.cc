#include "capture/copy_engine.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

#include "base/units.h"

namespace stillframe {
namespace {

struct FreeMemory {
  void operator()(std::byte* at) const { std::free(at); }
};
using Pages = std::unique_ptr<std::byte[], FreeMemory>;

Pages MakePages(std::size_t pages, unsigned char fill) {
  auto* at = static_cast<std::byte*>(std::aligned_alloc(kPageBytes, pages * kPageBytes));
  std::memset(at, fill, pages * kPageBytes);
  return Pages(at);
}

TEST(CopyEngineTest, CopiesEveryByteAndNotOneMore) {
  std::mt19937_64 random(3);
  for (const std::size_t pages : {1u, 2u, 7u, 64u}) {
    const Pages from = MakePages(pages, 0);
    for (std::size_t i = 0; i < pages * kPageBytes; ++i) {
      from[i] = static_cast<std::byte>(random());
    }
    const Pages to = MakePages(pages + 2, 0xee);
    const Pages next = MakePages(1, 1);
    BestCopyEngine().copy(to.get() + kPageBytes, from.get(), pages, next.get());
    EXPECT_EQ(std::memcmp(to.get() + kPageBytes, from.get(), pages * kPageBytes), 0);
    for (std::size_t i = 0; i < kPageBytes; ++i) {
      ASSERT_EQ(to[i], std::byte{0xee});
      ASSERT_EQ(to[(pages + 1) * kPageBytes + i], std::byte{0xee});
    }
  }
}

}  // namespace
}  // namespace stillframe
