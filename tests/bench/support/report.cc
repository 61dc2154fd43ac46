#include "bench/support/report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

namespace stillframe::bench {
namespace {

std::string Processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string Machine() {
  return fmt::format("{}, {} CPUs", Processor(), std::thread::hardware_concurrency());
}

std::string Today() { return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr))); }

std::string Shown(const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  const auto& number = std::get<Number>(cell);
  return fmt::format("{:.{}f}", number.value, number.digits);
}

}  // namespace

std::string Report::Text() const {
  std::string text = fmt::format("bench {}: {}, {}\n", name_, Machine(), Today());
  for (const Table& table : tables_) {
    std::vector<std::size_t> widths;
    for (std::size_t c = 0; c < table.columns_.size(); ++c) {
      std::size_t width = table.columns_[c].size();
      for (const auto& row : table.rows_) width = std::max(width, Shown(row[c]).size());
      widths.push_back(width);
    }
    text += fmt::format("\n{}\n", table.title_);
    for (std::size_t c = 0; c < widths.size(); ++c) {
      text += c == 0 ? fmt::format("  {:<{}}", table.columns_[c], widths[c])
                     : fmt::format("  {:>{}}", table.columns_[c], widths[c]);
    }
    text += '\n';
    for (const auto& row : table.rows_) {
      for (std::size_t c = 0; c < widths.size(); ++c) {
        text += c == 0 ? fmt::format("  {:<{}}", Shown(row[c]), widths[c])
                       : fmt::format("  {:>{}}", Shown(row[c]), widths[c]);
      }
      text += '\n';
    }
    for (const std::string& note : table.notes_) text += fmt::format("  {}\n", note);
  }
  return text;
}

std::string Report::Json() const {
  nlohmann::ordered_json tables = nlohmann::ordered_json::array();
  for (const Table& table : tables_) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const auto& row : table.rows_) {
      nlohmann::ordered_json shown;
      for (std::size_t c = 0; c < table.columns_.size(); ++c) {
        if (const auto* number = std::get_if<Number>(&row[c])) {
          shown[table.columns_[c]] = number->value;
        } else {
          shown[table.columns_[c]] = std::get<std::string>(row[c]);
        }
      }
      rows.push_back(std::move(shown));
    }
    tables.push_back({{"title", table.title_}, {"rows", std::move(rows)}});
  }
  const nlohmann::ordered_json report = {
      {"bench", name_}, {"machine", Machine()}, {"date", Today()}, {"tables", std::move(tables)}};
  return report.dump(2) + "\n";
}

}  // namespace stillframe::bench
