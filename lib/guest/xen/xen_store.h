// Reads xenstore, where toolstacks write what Xen itself does not know: names, balloon targets.
//
// Owned by one thread. Values are written by toolstacks and by guests: untrusted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

struct xs_handle;

namespace stillframe {

class XenStore {
 public:
  // Connects at the first read, and anew when the connection broke.
  XenStore() = default;

  // /local/domain/DOMID/name, printable and at most 255 bytes.
  std::optional<std::string> DomainName(std::uint32_t domid);

  // From now on watch_fd() is readable when a domain was introduced or released; forgets what was
  // told so far.
  void WatchDomains();

  // -1: no watch stands, xenstored cannot be reached. Borrowed; another one after a reconnection.
  int watch_fd() const;

  // How much memory the toolstack wants the guest to have: /local/domain/DOMID/memory/target.
  std::optional<std::uint64_t> BalloonTargetKib(std::uint32_t domid);

 private:
  struct Closer {
    void operator()(xs_handle* handle) const;
  };

  bool Connect();
  std::optional<std::string> Read(const std::string& path);

  std::unique_ptr<xs_handle, Closer> handle_;
  bool watching_ = false;
};

}  // namespace stillframe
