// Dashboard and alert rules against what is really scraped.
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "integration/ops/metrics_stack.h"

namespace stillframe {
namespace {

using Json = nlohmann::json;

std::string FileText(const std::string& path) {
  std::ifstream file(std::string(STILLFRAME_SOURCE_DIR "/config/") + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Names of our metrics in a query; recorded ones ("stillframe:...") are not among them.
std::set<std::string> MetricsIn(const std::string& query) {
  static const std::regex kName("\\bstillframe_[a-z0-9_]+\\b");
  return {std::sregex_token_iterator(query.begin(), query.end(), kName),
          std::sregex_token_iterator()};
}

class DashboardTest : public MetricsStackTest {
 protected:
  void SetUp() override {
    guest_ = StartGuest("web1", {"--ram-mib", "16", "--workload", "torn"});
    ASSERT_NE(guest_, nullptr);
    StartWithMetrics("period_ms = 0");
    ASSERT_TRUE(Eventually([&] { return remote().Capture("web1").ok(); }));
    scrape_ = Scrape();
  }

  void ExpectKnown(const std::string& query) {
    const auto metrics = MetricsIn(query);
    EXPECT_FALSE(metrics.empty()) << query;
    for (const std::string& metric : metrics) {
      EXPECT_TRUE(scrape_.Knows(metric)) << metric << " in " << query;
    }
  }

  std::unique_ptr<SimProcess> guest_;
  Exposition scrape_;
};

TEST_F(DashboardTest, EveryPanelAsksForMetricsThatAreThere) {
  const Json dashboard = Json::parse(FileText("grafana/stillframe.json"), nullptr, false);
  ASSERT_FALSE(dashboard.is_discarded());
  std::set<int> ids;
  int queries = 0;
  for (const Json& panel : dashboard["panels"]) {
    EXPECT_TRUE(ids.insert(panel["id"].get<int>()).second) << panel["title"];
    EXPECT_LE(panel["gridPos"]["x"].get<int>() + panel["gridPos"]["w"].get<int>(), 24);
    if (panel["type"] == "row") continue;
    for (const Json& target : panel["targets"]) {
      ExpectKnown(target["expr"]);
      ++queries;
    }
  }
  EXPECT_GT(queries, 30);
  for (const Json& variable : dashboard["templating"]["list"]) {
    if (variable["type"] == "query") ExpectKnown(variable["query"]);
  }
}

TEST_F(DashboardTest, EveryMetricIsOnTheDashboardOrAlertedOn) {
  const std::string shown =
      FileText("grafana/stillframe.json") + FileText("prometheus/stillframe.rules.yaml");
  const std::set<std::string> named = MetricsIn(shown);
  for (const auto& [name, family] : scrape_.families) {
    if (!name.starts_with("stillframe_") || name == "stillframe_guests_omitted") continue;
    const bool used = named.contains(name) || named.contains(name + "_bucket");
    EXPECT_TRUE(used) << name;
  }
}

TEST_F(DashboardTest, EveryRuleAsksForMetricsThatAreThere) {
  YAML::Node file;
  ASSERT_NO_THROW(file = YAML::Load(FileText("prometheus/stillframe.rules.yaml")));
  std::set<std::string> names;
  int alerts = 0;
  for (const YAML::Node& group : file["groups"]) {
    EXPECT_TRUE(names.insert(group["name"].as<std::string>()).second);
    for (const YAML::Node& rule : group["rules"]) {
      const auto query = rule["expr"].as<std::string>();
      if (query != "up{job=~\"stillframe.*\"} == 0") ExpectKnown(query);
      if (!rule["alert"]) continue;
      ++alerts;
      const auto alert = rule["alert"].as<std::string>();
      EXPECT_TRUE(names.insert(alert).second) << alert;
      static const std::set<std::string> kSeverities = {"critical", "warning", "info"};
      EXPECT_TRUE(kSeverities.contains(rule["labels"]["severity"].as<std::string>())) << alert;
      EXPECT_FALSE(rule["annotations"]["summary"].as<std::string>().empty()) << alert;
    }
  }
  EXPECT_GT(alerts, 10);
}

}  // namespace
}  // namespace stillframe
