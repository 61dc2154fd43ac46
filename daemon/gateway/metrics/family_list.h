// Collects metric families, sample by sample.
//
// Thread-compatible.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace stillframe {

using Labels = std::vector<prometheus::ClientMetric::Label>;

class FamilyList {
 public:
  // A family's place in the list; its name is complete ("stillframe_guests").
  using Family = std::size_t;

  Family Counter(std::string name, std::string help) {
    return Add(std::move(name), std::move(help), prometheus::MetricType::Counter);
  }
  Family Gauge(std::string name, std::string help) {
    return Add(std::move(name), std::move(help), prometheus::MetricType::Gauge);
  }
  Family Histogram(std::string name, std::string help) {
    return Add(std::move(name), std::move(help), prometheus::MetricType::Histogram);
  }

  void Set(Family family, double value, Labels labels = {}) {
    prometheus::ClientMetric& metric = families_[family].metric.emplace_back();
    metric.label = std::move(labels);
    metric.counter.value = value;
    metric.gauge.value = value;
  }
  void Set(Family family, std::uint64_t value, Labels labels = {}) {
    Set(family, static_cast<double>(value), std::move(labels));
  }
  void Set(Family family, prometheus::ClientMetric::Histogram histogram, Labels labels) {
    prometheus::ClientMetric& metric = families_[family].metric.emplace_back();
    metric.label = std::move(labels);
    metric.histogram = std::move(histogram);
  }

  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  Family Add(std::string name, std::string help, prometheus::MetricType type) {
    families_.push_back({std::move(name), std::move(help), type, {}});
    return families_.size() - 1;
  }

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace stillframe
