// The tables that a benchmark prints: for people, or as JSON.
//
// Owned by one thread.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace stillframe::bench {

// A number is shown with `digits` after the point; JSON gets all of it.
struct Number {
  double value = 0;
  int digits = 2;
};
using Cell = std::variant<std::string, Number>;

inline Cell Count(std::uint64_t value) { return Number{static_cast<double>(value), 0}; }

class Table {
 public:
  // Every column says its unit.
  Table(std::string title, std::vector<std::string> columns)
      : title_(std::move(title)), columns_(std::move(columns)) {}

  // One cell for each column.
  void AddRow(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }

  // Below the table: what to know when reading it.
  void AddNote(std::string note) { notes_.push_back(std::move(note)); }

 private:
  friend class Report;
  std::string title_;
  std::vector<std::string> columns_;
  std::vector<std::vector<Cell>> rows_;
  std::vector<std::string> notes_;
};

class Report {
 public:
  explicit Report(std::string name) : name_(std::move(name)) {}

  void Add(Table table) { tables_.push_back(std::move(table)); }

  // With the processor and the time of the run: figures mean nothing without.
  std::string Text() const;
  std::string Json() const;

 private:
  std::string name_;
  std::vector<Table> tables_;
};

}  // namespace stillframe::bench
