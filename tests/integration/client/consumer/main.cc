// All that a user of the installed library needs to start with.
#include <base/reason.h>
#include <stillframe/connection.h>

#include <iostream>

int main() {
  const auto connection = stillframe::Connection::Open("unix:/nonexistent/gateway.sock");
  std::cout << connection.status() << "\n";
  const auto local = stillframe::Connection::Open("local:/nonexistent/stillframed.sock");
  const stillframe::v1::Guest guest;
  return stillframe::ReasonOf(connection.status()).name == "TARGET_UNREACHABLE" &&
                 absl::IsUnavailable(connection.status()) && !local.ok() && guest.name().empty()
             ? 0
             : 1;
}
