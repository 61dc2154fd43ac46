// QEMU as a process that a test owns, with the small Linux guest of qemu_guest/ or with nothing.
//
// Owned by the test's thread. QEMU ends, by its pid, with this object or with the test process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "guest/qmp/qmp_connection.h"

namespace stillframe {

enum class QemuBacking { kMemfd, kFile, kUnlinkedFile, kAnonymous };

struct QemuSetup {
  std::string machine = "q35";
  std::uint32_t memory_mib = 256;
  std::uint32_t vcpus = 1;
  QemuBacking backing = QemuBacking::kMemfd;
  std::string cpu = "max,-la57";
  bool kernel = true;              // false: nothing runs, QEMU starts stopped (-S)
  bool dirty_log = false;          // with libstillframe-qemu.so
  std::uint32_t torn_mib = 16;     // size of the torn-page workload; 0: an idle guest
  std::vector<std::string> extra;  // more arguments
};

class QemuProcess {
 public:
  // Starts QEMU and waits for its monitors. UNIMPLEMENTED: this machine lacks QEMU or the guest,
  // and which.
  static absl::StatusOr<std::unique_ptr<QemuProcess>> Start(const QemuSetup& setup);
  ~QemuProcess();

  QemuProcess(const QemuProcess&) = delete;
  QemuProcess& operator=(const QemuProcess&) = delete;

  // Waits until the guest's init said READY for the `boots`th time, and reads its truths.
  absl::Status WaitReady(int boots = 1);

  // What the guest says about itself, such as "version" or the address of "linux_banner" in hex;
  // empty when it did not say.
  std::string Truth(const std::string& key) const;
  std::uint64_t TruthAddress(const std::string& key) const;

  // The test's own monitor.
  QmpConnection& observer() { return *observer_; }
  absl::StatusOr<std::string> ObservedStatus();

  // By SIGKILL; returns when it is gone and reaped.
  void Kill();

  const std::string& qmp_path() const { return qmp_path_; }  // the monitor under test
  pid_t pid() const { return pid_; }
  const std::string& directory() const { return directory_; }

 private:
  QemuProcess() = default;

  std::string SerialText() const;

  std::string directory_;
  std::string qmp_path_;
  pid_t pid_ = -1;
  std::unique_ptr<QmpConnection> observer_;
  std::map<std::string, std::string> truths_;
};

}  // namespace stillframe
