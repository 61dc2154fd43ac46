#include "guest/xen/transfer.h"

#include <string>

#include "gtest/gtest.h"

namespace stillframe {
namespace {

using namespace std::string_literals;

const std::string kSave =
    "/usr/lib/xen-4.17/bin/libxl-save-helper\0--save-domain\0"
    "11\0"
    "12\0"
    "5\0"
    "0\0"
    "0\0"s;

TEST(XenTransferTest, RecognizesTheHelperThatSavesTheDomain) {
  EXPECT_TRUE(IsSaveHelper(kSave, 5));
  EXPECT_FALSE(IsSaveHelper(kSave, 6));
  EXPECT_FALSE(IsSaveHelper(kSave, 12));
}

TEST(XenTransferTest, OtherProcessesAreNot) {
  EXPECT_FALSE(IsSaveHelper("", 5));
  EXPECT_FALSE(IsSaveHelper("libxl-save-helper\0--save-domain"s, 5));
  EXPECT_FALSE(
      IsSaveHelper("libxl-save-helper\0--restore-domain\0"
                   "1\0"
                   "2\0"
                   "5\0"s,
                   5));
  EXPECT_FALSE(
      IsSaveHelper("vi\0--save-domain\0"
                   "1\0"
                   "2\0"
                   "5\0"s,
                   5));
}

TEST(XenTransferTest, NothingIsInTransferOnAHostWithoutXen) { EXPECT_FALSE(IsInTransfer(5)); }

}  // namespace
}  // namespace stillframe
