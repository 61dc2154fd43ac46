#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <optional>

#include "base/clock.h"
#include "base/reason.h"
#include "base/status.h"
#include "commands/commands.h"
#include "explain.h"
#include "render/json.h"
#include "top/screen.h"
#include "top/top_text.h"
#include "wait.h"

namespace stillframe::cli {
namespace {

absl::StatusOr<FleetLook> LookAt(Connection& connection) {
  FleetLook look;
  SF_ASSIGN_OR_RETURN(look.host, connection.GetHost());
  SF_ASSIGN_OR_RETURN(look.guests, connection.ListGuests());
  look.monotonic_ns = Clock::System().MonotonicNs();
  return look;
}

// Daemons restart; on a terminal that is news, not the end.
bool MayComeBack(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

class Top {
 public:
  explicit Top(const Session& session) : session_(session) {
    if (!session.json() && !session.arguments.once && isatty(STDOUT_FILENO) == 1) {
      screen_.emplace();
    }
  }

  absl::Status Run() {
    SF_ASSIGN_OR_RETURN(FleetLook before, LookAt(session_.connection));
    if (screen_) SF_RETURN_IF_ERROR(Show(before, before));
    for (std::uint64_t shown = 0; !Enough(shown); ++shown) {
      if (!WaitFor(session_.arguments.interval, session_.stop)) break;
      absl::StatusOr<FleetLook> after = LookAt(session_.connection);
      if (after.ok()) {
        SF_RETURN_IF_ERROR(Show(before, *after));
        before = *std::move(after);
      } else if (screen_ && MayComeBack(after.status())) {
        SF_RETURN_IF_ERROR(Screen::Show(Explain(after.status()) + "\n"));
      } else {
        return after.status();
      }
    }
    return absl::OkStatus();
  }

 private:
  bool Enough(std::uint64_t shown) const {
    const std::uint64_t count = session_.arguments.once ? 1 : session_.arguments.count;
    return count != 0 && shown >= count;
  }

  absl::Status Show(const FleetLook& before, const FleetLook& after) const {
    const auto rates = RatesBetween(before, after);
    if (session_.arguments.once && session_.json()) {
      return Print(JsonDocument(TopJson(after.host, rates)));
    }
    if (session_.json()) return Print(JsonLine(TopJson(after.host, rates)));
    if (screen_) return Screen::Show(TopText(after.host, rates, Screen::Size()));
    return Print(TopText(after.host, rates, {}) + (session_.arguments.once ? "" : "\n"));
  }

  const Session& session_;
  std::optional<Screen> screen_;
};

}  // namespace

// Being ended by Ctrl-C is its way to succeed.
absl::Status RunTop(const Session& session) { return Top(session).Run(); }

}  // namespace stillframe::cli
