#include "arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

namespace stillframe::cli {
namespace {

using ::testing::HasSubstr;

std::variant<Arguments, UsageText> Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "stillframe");
  return ParseArguments(static_cast<int>(words.size()), words.data());
}

Arguments Parsed(std::vector<const char*> words) {
  auto parsed = Parse(std::move(words));
  const auto* usage = std::get_if<UsageText>(&parsed);
  EXPECT_EQ(usage, nullptr) << usage->text;
  return usage == nullptr ? std::get<Arguments>(parsed) : Arguments{};
}

UsageText Refused(std::vector<const char*> words) {
  auto parsed = Parse(std::move(words));
  const auto* usage = std::get_if<UsageText>(&parsed);
  EXPECT_NE(usage, nullptr);
  return usage == nullptr ? UsageText{} : *usage;
}

TEST(ArgumentsTest, ReadTakesSnapshotAddressAndLength) {
  const Arguments arguments = Parsed({"read", "web1@7", "0x1000", "4K", "-o", "out"});
  EXPECT_EQ(arguments.command, Command::kRead);
  EXPECT_EQ(arguments.snapshot.guest, "web1");
  EXPECT_EQ(arguments.snapshot.generation, 7u);
  EXPECT_EQ(arguments.address, 0x1000u);
  EXPECT_EQ(arguments.length, 4096u);
  EXPECT_EQ(arguments.output_path, "out");
  EXPECT_FALSE(arguments.fill.has_value());
}

TEST(ArgumentsTest, FillIsAFlagAndNeverTakesTheGuestsName) {
  EXPECT_EQ(Parsed({"read", "--fill", "web1", "0", "1"}).fill, std::uint8_t{0});
  EXPECT_EQ(Parsed({"read", "--fill-byte", "0xee", "web1", "0", "1"}).fill, std::uint8_t{0xee});
  EXPECT_EQ(Refused({"read", "--fill-byte", "256", "web1", "0", "1"}).exit_code, 2);
}

TEST(ArgumentsTest, GlobalOptionsStandBeforeOrAfterTheCommand) {
  EXPECT_EQ(Parsed({"--target", "localhost:7", "guests"}).target, "localhost:7");
  const Arguments after = Parsed({"guests", "--target", "localhost:8", "--json"});
  EXPECT_EQ(after.target, "localhost:8");
  EXPECT_EQ(after.output, Output::kJson);
}

TEST(ArgumentsTest, TargetComesFromTheEnvironmentUnlessGiven) {
  EXPECT_EQ(Parsed({"guests"}).target, kDefaultTarget);
  setenv("STILLFRAME_TARGET", "unix:/env.sock", 1);
  EXPECT_EQ(Parsed({"guests"}).target, "unix:/env.sock");
  EXPECT_EQ(Parsed({"guests", "--target", "unix:/flag.sock"}).target, "unix:/flag.sock");
  unsetenv("STILLFRAME_TARGET");
}

TEST(ArgumentsTest, DumpFormatsHaveNames) {
  EXPECT_EQ(Parsed({"dump", "g", "-o", "f"}).format, DumpFormat::kRaw);
  EXPECT_EQ(Parsed({"dump", "g", "-o", "f", "--format", "elf"}).format, DumpFormat::kElf);
  EXPECT_EQ(Parsed({"dump", "g", "-o", "f", "--format", "lime"}).format, DumpFormat::kLime);
  EXPECT_EQ(Refused({"dump", "g", "-o", "f", "--format", "zip"}).exit_code, 2);
}

TEST(ArgumentsTest, DiffNamesTwoGenerations) {
  const Arguments arguments = Parsed({"diff", "g", "3", "latest", "--bytes"});
  EXPECT_EQ(arguments.base_generation, 3u);
  EXPECT_EQ(arguments.snapshot.generation, 0u);
  EXPECT_TRUE(arguments.bytes);
}

TEST(ArgumentsTest, WrongUsageIsOneLineThatSaysWhat) {
  EXPECT_THAT(Refused({"read", "g", "zz", "1"}).text, HasSubstr("address \"zz\""));
  EXPECT_THAT(Refused({"read", "g", "0", "0"}).text, HasSubstr("nothing to read"));
  EXPECT_THAT(Refused({"frobnicate"}).text, HasSubstr("frobnicate"));
  EXPECT_THAT(Refused({}).text, HasSubstr("stillframe --help"));
  for (const auto& usage : {Refused({"frobnicate"}), Refused({}), Refused({"read"})}) {
    EXPECT_EQ(usage.exit_code, 2);
    EXPECT_EQ(std::count(usage.text.begin(), usage.text.end(), '\n'), 1) << usage.text;
  }
}

TEST(ArgumentsTest, EveryCommandHasHelpWithAnExample) {
  for (const CommandEntry& entry : CommandTable()) {
    const UsageText help = Refused({entry.name.data(), "--help"});
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.text, HasSubstr(std::string(entry.example)));
    for (const auto option : entry.options) {
      EXPECT_THAT(help.text, HasSubstr(std::string(option))) << entry.name;
    }
  }
  EXPECT_THAT(Refused({"--help"}).text, HasSubstr("Exit codes"));
}

}  // namespace
}  // namespace stillframe::cli
