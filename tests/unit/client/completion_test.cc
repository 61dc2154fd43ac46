#include "completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "command_table.h"

namespace stillframe::cli {
namespace {

using ::testing::HasSubstr;

class CompletionTest : public ::testing::TestWithParam<const char*> {};

TEST_P(CompletionTest, NamesEverySubcommandAndOption) {
  const std::string script = CompletionScript(GetParam());
  const bool fish = std::string(GetParam()) == "fish";
  for (const CommandEntry& entry : CommandTable()) {
    EXPECT_THAT(script, HasSubstr(std::string(entry.name)));
    for (const auto option : entry.options) {
      EXPECT_THAT(script, HasSubstr(std::string(fish ? option.substr(2) : option)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shells, CompletionTest, ::testing::Values("bash", "zsh", "fish"));

TEST(BashCompletionTest, BashAcceptsTheScript) {
  const std::string script = CompletionScript("bash");
  FILE* bash = popen("bash -n", "w");
  ASSERT_NE(bash, nullptr);
  fputs(script.c_str(), bash);
  EXPECT_EQ(pclose(bash), 0);
}

}  // namespace
}  // namespace stillframe::cli
