#include "selector.h"

#include <gtest/gtest.h>

namespace stillframe::cli {
namespace {

TEST(SelectorTest, GuestAloneMeansTheLatestGeneration) {
  const auto name = ParseSnapshotName("web1");
  ASSERT_TRUE(name.ok());
  EXPECT_EQ(name->guest, "web1");
  EXPECT_EQ(name->generation, 0u);
}

TEST(SelectorTest, TheLastAtSignSeparatesTheGeneration) {
  const auto name = ParseSnapshotName("dev@lab@12");
  ASSERT_TRUE(name.ok());
  EXPECT_EQ(name->guest, "dev@lab");
  EXPECT_EQ(name->generation, 12u);
  EXPECT_EQ(ParseSnapshotName("web1@latest")->generation, 0u);
}

TEST(SelectorTest, RefusesWhatIsNoGeneration) {
  for (const char* text : {"web1@", "web1@0", "web1@-1", "web1@7x", "web1@0x7", "@7", "",
                           "web1@99999999999999999999"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseSnapshotName(text).status())) << text;
  }
}

TEST(SelectorTest, AddressesAreHexadecimalOrDecimal) {
  EXPECT_EQ(*ParseAddress("0x1F00"), 0x1f00u);
  EXPECT_EQ(*ParseAddress("4096"), 4096u);
  for (const char* text : {"", "0x", "1F00", "-1", "4K", " 1", "0x10000000000000000"}) {
    EXPECT_FALSE(ParseAddress(text).ok()) << text;
  }
}

TEST(SelectorTest, SizesTakeSuffixes) {
  EXPECT_EQ(*ParseSize("4096"), 4096u);
  EXPECT_EQ(*ParseSize("0x1000"), 4096u);
  EXPECT_EQ(*ParseSize("4K"), 4096u);
  EXPECT_EQ(*ParseSize("4KiB"), 4096u);
  EXPECT_EQ(*ParseSize("1m"), 1u << 20);
  EXPECT_EQ(*ParseSize("2G"), std::uint64_t{2} << 30);
}

TEST(SelectorTest, RefusesSizesThatDoNotFitOrMakeNoSense) {
  for (const char* text : {"", "K", "iB", "KiB", "4T", "0x4K", "-1K", "18446744073709551615G"}) {
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  }
}

}  // namespace
}  // namespace stillframe::cli
