#include "capture/copy_engine.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

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

class CopyEngineTest : public testing::TestWithParam<CopyEngine> {};

TEST_P(CopyEngineTest, CopiesEveryByteOfEveryPieceAndNotOneMore) {
  constexpr std::size_t kPieces[] = {1, 1, 2, 7, 1, 64};
  std::mt19937_64 random(3);
  std::vector<Pages> from, to;
  std::vector<CopyPiece> pieces;
  for (const std::size_t pages : kPieces) {
    from.push_back(MakePages(pages, 0));
    to.push_back(MakePages(pages + 2, 0xee));
    for (std::size_t i = 0; i < pages * kPageBytes; ++i) {
      from.back()[i] = static_cast<std::byte>(random());
    }
    pieces.push_back({to.back().get() + kPageBytes, from.back().get(), pages});
  }
  GetParam().copy(pieces);
  for (std::size_t n = 0; n < pieces.size(); ++n) {
    const std::size_t bytes = pieces[n].pages * kPageBytes;
    EXPECT_EQ(std::memcmp(pieces[n].to, pieces[n].from, bytes), 0) << "piece " << n;
    for (std::size_t i = 0; i < kPageBytes; ++i) {
      ASSERT_EQ(to[n][i], std::byte{0xee});
      ASSERT_EQ(to[n][kPageBytes + bytes + i], std::byte{0xee});
    }
  }
  GetParam().copy({});
}

INSTANTIATE_TEST_SUITE_P(Engines, CopyEngineTest,
                         testing::ValuesIn(CopyEngines().begin(), CopyEngines().end()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace stillframe
