#include "config/default_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>
#include <string>

#include "config/gateway_config.h"

namespace stillframe {
namespace {

std::string FileText(const std::string& path) {
  std::ifstream file(std::string(STILLFRAME_SOURCE_DIR "/") + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The text with its keys in force instead of commented out.
std::string Uncommented(const std::string& text) {
  return std::regex_replace(text, std::regex("(^|\n)#(\\[|[a-z_]+ = )"), "$1$2");
}

TEST(DefaultFileTest, ShippedFilesAreWhatTheSchemaSays) {
  EXPECT_EQ(FileText("config/stillframed.toml"), DefaultStillframedToml());
  EXPECT_EQ(FileText("config/gateway.toml"), DefaultGatewayToml());
}

TEST(DefaultFileTest, ShippedFilesParse) {
  EXPECT_TRUE(ParseStillframedConfig(FileText("config/stillframed.toml"), "f").ok());
  EXPECT_TRUE(ParseGatewayConfig(FileText("config/gateway.toml"), "f").ok());
}

TEST(DefaultFileTest, EveryShippedDefaultIsAcceptedWhenUncommented) {
  const auto stillframed = ParseStillframedConfig(Uncommented(DefaultStillframedToml()), "f");
  ASSERT_TRUE(stillframed.ok()) << stillframed.status();
  EXPECT_EQ(stillframed->guests.rules.size(), 1u);
  const auto gateway = ParseGatewayConfig(Uncommented(DefaultGatewayToml()), "f");
  EXPECT_TRUE(gateway.ok()) << gateway.status();
}

void ExpectManualCovers(const std::string& manual, const Schema& schema) {
  for (const Section& section : schema) {
    for (const Key& key : section.keys) {
      EXPECT_NE(manual.find("\n.B " + std::string(key.name) + "\n"), std::string::npos) << key.name;
      EXPECT_NE(manual.find("Range: " + RangeText(key) + "."), std::string::npos) << key.name;
      if (section.kind == SectionKind::kTable) {
        EXPECT_NE(manual.find("Default: " + ValueText(key) + "."), std::string::npos) << key.name;
      }
    }
  }
}

TEST(DefaultFileTest, ManualPagesGiveEveryKeyItsRangeAndDefault) {
  StillframedConfig stillframed;
  GuestRule rule;
  ExpectManualCovers(FileText("daemon/man/stillframed.toml.5"),
                     DescribeStillframedConfig(stillframed, rule));
  GatewayConfig gateway;
  ExpectManualCovers(FileText("daemon/man/gateway.toml.5"), DescribeGatewayConfig(gateway));
}

}  // namespace
}  // namespace stillframe
