// One guest of the Xen lab, worked on from inside dom0 by the toolstack's own commands, as an
// operator would: the other way to look at it that tests compare Stillframe with.
//
// Owned by one thread. Destroyed with the object.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/units.h"
#include "base/uuid.h"
#include "guest/guest.h"

namespace stillframe {

// What a shell command in dom0 wrote. INTERNAL with that when its status is not 0.
absl::StatusOr<std::string> Shell(const std::string& command);

class LabGuest {
 public:
  // Starts the guest of tests/xen/guests/NAME.cfg and returns when its workload runs (create_guest
  // there tells what is tried again, and how often).
  static absl::StatusOr<std::unique_ptr<LabGuest>> Create(const std::string& name);
  ~LabGuest();
  LabGuest(const LabGuest&) = delete;
  LabGuest& operator=(const LabGuest&) = delete;

  const std::string& name() const { return name_; }
  const GuestId& id() const { return id_; }

  // Of its present boot.
  std::uint32_t domid() const { return domid_; }

  // As `xl list` shows it. NOT_FOUND: there is no such domain.
  absl::StatusOr<RunState> State() const;

  absl::Status Pause() const;
  absl::Status Unpause() const;

  // At once. The domain stays as a zombie for as long as somebody has memory of it mapped.
  absl::Status Destroy();

  // By the guest itself; returns when the workload of the new domain runs.
  absl::Status Reboot();

  // Types at the guest's console.
  absl::Status Type(char key) const;

  // The same, and waits until it answers with a line that begins with `answer`
  // (tiny_guest.c); returns the number after it.
  absl::StatusOr<std::uint64_t> Ask(char key, const std::string& answer) const;

  // The value that the guest told of itself at its start: "TRUTH key value".
  std::string Truth(const std::string& key) const;
  std::uint64_t TruthAddress(const std::string& key) const;

 private:
  LabGuest(std::string name, std::uint32_t domid, GuestId id)
      : name_(std::move(name)), domid_(domid), id_(id) {}

  std::string Console() const;
  bool AwaitConsole(const std::string& text, int times) const;

  const std::string name_;
  std::uint32_t domid_;
  const GuestId id_;
};

// Domains that were destroyed but whose memory somebody still holds, as `xl list` shows them.
int ZombieDomains();

}  // namespace stillframe
