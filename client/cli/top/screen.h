// A terminal that one picture after another is shown on; once this goes, it is as it was before.
//
// Owned by one thread.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "top/top_text.h"

namespace stillframe::cli {

class Screen {
 public:
  // Of standard output.
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // As it is now: windows change.
  static ScreenSize Size();

  // In the place of what was there.
  static absl::Status Show(const std::string& text);
};

}  // namespace stillframe::cli
