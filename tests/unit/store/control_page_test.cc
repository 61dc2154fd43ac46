#include "store/control_page.h"

#include <gtest/gtest.h>

namespace stillframe {
namespace {

std::uint64_t WordAt(const Mapping& mapping, std::uint32_t index) {
  return reinterpret_cast<const std::atomic<std::uint64_t>*>(mapping.data())[index].load();
}

TEST(ControlPageTest, AReaderSeesAGenerationLiveAndEnd) {
  auto page = ControlPage::Create(4);
  ASSERT_TRUE(page.ok());
  auto mapping = Mapping::Shared((*page)->fd(), 0, (*page)->bytes(), Access::kReadOnly);
  ASSERT_TRUE(mapping.ok());
  const auto index = (*page)->Bear(Generation{7});
  ASSERT_TRUE(index.ok());
  EXPECT_EQ(WordAt(*mapping, *index), 7u);
  (*page)->End(*index);
  EXPECT_EQ(WordAt(*mapping, *index), 0u);
}

TEST(ControlPageTest, RefusesMoreGenerationsThanItHasWordsFor) {
  auto page = ControlPage::Create(2);
  ASSERT_TRUE(page.ok());
  ASSERT_TRUE((*page)->Bear(Generation{1}).ok());
  const auto second = (*page)->Bear(Generation{2});
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(absl::IsResourceExhausted((*page)->Bear(Generation{3}).status()));
  (*page)->End(*second);
  EXPECT_TRUE((*page)->Bear(Generation{3}).ok());
}

TEST(ControlPageTest, ReadersCannotWriteIt) {
  auto page = ControlPage::Create(2);
  ASSERT_TRUE(page.ok());
  EXPECT_FALSE(Mapping::Shared((*page)->fd(), 0, (*page)->bytes(), Access::kReadWrite).ok());
}

}  // namespace
}  // namespace stillframe
