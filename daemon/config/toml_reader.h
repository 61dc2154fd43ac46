// Reads TOML text into the fields of a schema. Knows toml++; nothing else does.
#pragma once

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "config/problems.h"
#include "config/schema.h"

namespace stillframe {

// A bigger configuration file is refused.
inline constexpr std::size_t kConfigBytesMax = std::size_t{1} << 20;

// One parsed file. Owned by the parser that reads it.
class TomlReader {
 public:
  // INVALID_ARGUMENT "FILE:LINE: ..." when the text is not TOML.
  static absl::StatusOr<TomlReader> Parse(std::string_view text, std::string_view file_name);

  TomlReader(TomlReader&&) noexcept;
  TomlReader& operator=(TomlReader&&) = delete;
  ~TomlReader();

  // Adds a problem for every top-level name that `schema` lacks.
  void CheckSections(const Schema& schema, Problems& problems) const;

  // Sets the fields of the keys that are there; absent keys keep theirs.
  void ReadTable(const Section& section, Problems& problems) const;

  // How many [[section]] there are; 0 and a problem when there are more than `entries_max`.
  std::size_t CountEntries(const Section& section, std::size_t entries_max,
                           Problems& problems) const;

  // As ReadTable, for the [[section]] at `index`.
  void ReadEntry(const Section& section, std::size_t index, Problems& problems) const;

  // The line of "section.key", or of the section, or 1: where to report a rule that two keys break.
  std::uint32_t LineOf(std::string_view section, std::string_view key) const;
  std::uint32_t LineOfEntry(std::string_view section, std::size_t index) const;

 private:
  struct Document;
  explicit TomlReader(std::unique_ptr<Document> document);

  std::unique_ptr<Document> document_;
};

}  // namespace stillframe
