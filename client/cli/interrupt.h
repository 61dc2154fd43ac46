// Ctrl-C and SIGTERM as a stop request.
//
// Made before any other thread, so that all of them leave the signals to it. A second signal ends
// the process at once.
#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace stillframe::cli {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return source_.get_token(); }

 private:
  void Wait();

  sigset_t signals_{};
  std::stop_source source_;
  std::thread waiter_;
};

}  // namespace stillframe::cli
