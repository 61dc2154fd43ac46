#include "support/xen_lab.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <vector>

#include "base/status.h"
#include "support/child_process.h"
#include "support/temp_directory.h"

namespace stillframe::xen_lab {
namespace {

constexpr int kLabFailed = 125;
constexpr std::chrono::seconds kCreateTimeout(330);

absl::StatusOr<Ran> Lab(std::vector<std::string> arguments) {
  const TempDirectory directory;
  arguments.insert(arguments.begin(), STILLFRAME_XEN_LAB);
  SF_ASSIGN_OR_RETURN(const auto child,
                      ChildProcess::Start(arguments, directory.path() + "/output"));
  const int status = child->Wait();
  Ran ran{.status = WIFEXITED(status) ? WEXITSTATUS(status) : kLabFailed, .output = child->Log()};
  if (ran.status == kLabFailed) return absl::UnavailableError(ran.output);
  return ran;
}

absl::StatusOr<std::string> SuccessOf(const std::string& what, absl::StatusOr<Ran> ran) {
  if (!ran.ok()) return ran.status();
  if (ran->status == 0) return ran->output;
  return absl::InternalError(
      fmt::format("'{}' in dom0 ended with {}: {}", what, ran->status, ran->output));
}

std::string Line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

absl::Status Available() {
  if (std::filesystem::exists(STILLFRAME_XEN_LAB_IMAGES "/dom0.cpio")) return absl::OkStatus();
  return absl::NotFoundError("the Xen lab has no images: its packages could not be fetched");
}

absl::StatusOr<Ran> Run(const std::string& command, std::chrono::seconds timeout) {
  return Lab({"run", "-t", fmt::format("{}", timeout.count()), command});
}

absl::StatusOr<std::string> Succeed(const std::string& command, std::chrono::seconds timeout) {
  return SuccessOf(command, Run(command, timeout));
}

absl::StatusOr<std::string> CreateGuest(const std::string& name) {
  SF_ASSIGN_OR_RETURN(const std::string output,
                      Succeed(fmt::format("create_guest {}", name), kCreateTimeout));
  const std::string told = Line(output);
  const std::size_t last_line = told.rfind('\n');
  if (last_line == std::string::npos) return told;
  fmt::print(stderr, "{}\n", told.substr(0, last_line));
  return told.substr(last_line + 1);
}

absl::StatusOr<std::string> GatewayTarget() {
  SF_ASSIGN_OR_RETURN(const std::string port, SuccessOf("port", Lab({"port"})));
  return "127.0.0.1:" + Line(port);
}

}  // namespace stillframe::xen_lab
