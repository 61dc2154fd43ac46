#include "guest/xen/xen_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "guest/xen/xen_c.h"

namespace stillframe {
namespace {

constexpr std::size_t kNameBytesMax = 255;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

}  // namespace

void XenStore::Closer::operator()(xs_handle* handle) const { xs_close(handle); }

bool XenStore::Connect() {
  if (handle_ == nullptr) {
    handle_.reset(xs_open(0));
    watching_ = false;
  }
  return handle_ != nullptr;
}

void XenStore::WatchDomains() {
  if (!Connect()) return;
  if (!watching_) {
    watching_ = xs_watch(handle_.get(), "@introduceDomain", "introduced") &&
                xs_watch(handle_.get(), "@releaseDomain", "released");
    if (!watching_) handle_.reset();
    return;
  }
  while (char** told = xs_check_watch(handle_.get())) std::free(told);
  if (errno != EAGAIN) handle_.reset();
}

int XenStore::watch_fd() const { return watching_ && handle_ ? xs_fileno(handle_.get()) : -1; }

std::optional<std::string> XenStore::Read(const std::string& path) {
  if (!Connect()) return std::nullopt;
  unsigned bytes = 0;
  const std::unique_ptr<void, Free> value(xs_read(handle_.get(), XBT_NULL, path.c_str(), &bytes));
  if (value == nullptr) {
    if (errno != ENOENT && errno != EACCES) handle_.reset();
    return std::nullopt;
  }
  return std::string(static_cast<const char*>(value.get()), bytes);
}

std::optional<std::string> XenStore::DomainName(std::uint32_t domid) {
  std::optional<std::string> name = Read(fmt::format("/local/domain/{}/name", domid));
  if (!name.has_value() || name->empty()) return std::nullopt;
  name->resize(std::min(name->size(), kNameBytesMax));
  std::replace_if(
      name->begin(), name->end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return name;
}

std::optional<std::uint64_t> XenStore::BalloonTargetKib(std::uint32_t domid) {
  const auto text = Read(fmt::format("/local/domain/{}/memory/target", domid));
  std::uint64_t kib = 0;
  if (!text.has_value() ||
      std::from_chars(text->data(), text->data() + text->size(), kib).ec != std::errc{}) {
    return std::nullopt;
  }
  return kib;
}

}  // namespace stillframe
