#include "interrupt.h"

#include <pthread.h>
#include <unistd.h>

#include "exit_code.h"

namespace stillframe::cli {
namespace {

constexpr int kQuitWaiting = SIGUSR1;

}  // namespace

Interrupt::Interrupt() {
  sigemptyset(&signals_);
  for (const int signal : {SIGINT, SIGTERM, kQuitWaiting}) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  waiter_ = std::thread([this] { Wait(); });
}

Interrupt::~Interrupt() {
  pthread_kill(waiter_.native_handle(), kQuitWaiting);
  waiter_.join();
}

void Interrupt::Wait() {
  for (;;) {
    int signal = 0;
    if (sigwait(&signals_, &signal) != 0) return;
    if (signal == kQuitWaiting) return;
    if (source_.stop_requested()) _exit(static_cast<int>(ExitCode::kInterrupted));
    source_.request_stop();
  }
}

}  // namespace stillframe::cli
