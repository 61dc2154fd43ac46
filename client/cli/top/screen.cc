#include "top/screen.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "session.h"

namespace stillframe::cli {
namespace {

// xterm's control sequences, which terminals of today know: the alternate screen and the cursor.
constexpr char kEnter[] = "\033[?1049h\033[?25l";
constexpr char kLeave[] = "\033[?25h\033[?1049l";
constexpr char kHome[] = "\033[H";
constexpr char kClearBelow[] = "\033[J";
constexpr char kClearRight[] = "\033[K";

}  // namespace

Screen::Screen() { fmt::print("{}", kEnter); }

Screen::~Screen() {
  fmt::print("{}", kLeave);
  std::fflush(stdout);
}

ScreenSize Screen::Size() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return {};
  return {size.ws_row, size.ws_col};
}

absl::Status Screen::Show(const std::string& text) {
  std::string picture = kHome;
  for (const char c : text) {
    if (c == '\n') picture += kClearRight;
    picture.push_back(c);
  }
  return Print(picture + kClearBelow);
}

}  // namespace stillframe::cli
