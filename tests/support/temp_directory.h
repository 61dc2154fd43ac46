// A directory of its own for one test; removed with all it holds.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <system_error>

namespace stillframe {

class TempDirectory {
 public:
  TempDirectory() {
    std::error_code error;
    std::filesystem::path base = std::filesystem::temp_directory_path(error);
    path_ = ((error ? std::filesystem::path("/tmp") : base) / "stillframe-XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~TempDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  // Empty when it could not be created.
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace stillframe
