// Numbers, names and tables as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stillframe::cli {

// `text` without what could command a terminal: control characters become '?'. Names of guests
// come from guests' owners.
std::string Printable(std::string_view text);

std::string FormatBytes(std::uint64_t bytes);             // "512 B", "4 KiB", "1.5 GiB"
std::string FormatDurationNs(std::uint64_t nanoseconds);  // "870 ns", "12.3 us", "4.1 ms", "2 s"
std::string FormatTimeNs(std::uint64_t nanoseconds);      // "2026-01-31 12:00:00.250 UTC"

// Columns as wide as they must be, two spaces apart; no spaces at line ends.
class Table {
 public:
  enum class Align : std::uint8_t { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One cell per column.
  void AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  std::string ToString() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace stillframe::cli
