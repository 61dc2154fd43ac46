#include "base/uuid.h"

#include <string>

#include "gtest/gtest.h"

namespace stillframe {
namespace {

TEST(UuidTest, TextRoundTrips) {
  const std::string text = "01234567-89ab-cdef-0123-456789abcdef";
  const std::optional<Uuid> uuid = Uuid::Parse(text);
  ASSERT_TRUE(uuid.has_value());
  EXPECT_EQ(uuid->bytes[0], 0x01);
  EXPECT_EQ(uuid->bytes[15], 0xef);
  EXPECT_EQ(uuid->ToString(), text);
}

TEST(UuidTest, ParsesEitherCase) {
  EXPECT_EQ(Uuid::Parse("01234567-89AB-CDEF-0123-456789ABCDEF"),
            Uuid::Parse("01234567-89ab-cdef-0123-456789abcdef"));
}

TEST(UuidTest, RefusesAnythingElse) {
  for (const char* text :
       {"", "01234567", "0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-0123-456789abcde",
        "01234567-89ab-cdef-0123-456789abcdef0", "01234567-89ab-cdef-0123-456789abcdeg",
        "01234567-89ab-cdef-0123 456789abcdef", "{1234567-89ab-cdef-0123-456789abcde}"}) {
    EXPECT_FALSE(Uuid::Parse(text).has_value()) << text;
  }
}

TEST(UuidTest, RandomOnesDifferAndSayVersionFour) {
  const Uuid a = Uuid::Random();
  EXPECT_NE(a, Uuid::Random());
  EXPECT_EQ(a.ToString()[14], '4');
}

TEST(UuidTest, NamesGiveStableDistinctIds) {
  EXPECT_EQ(Uuid::OfName("web1"), Uuid::OfName("web1"));
  EXPECT_NE(Uuid::OfName("web1"), Uuid::OfName("web2"));
  EXPECT_FALSE(Uuid::OfName("").is_nil());
  EXPECT_TRUE(Uuid{}.is_nil());
}

}  // namespace
}  // namespace stillframe
