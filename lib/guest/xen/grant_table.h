// The pages that one domain lets others map by its grant table, as far as they are mapped writable
// now. Backends write those without Xen's dirty log noticing: it learns of them when they are
// unmapped (gnttab_mark_dirty in Xen's grant_table.c).
//
// Owned by the guest's thread. The entries are the guest's own: hostile. While mapped, the table
// keeps a dead domain's memory.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "guest/xen/foreign_memory.h"
#include "guest/xen/xen_c.h"
#include "guest/xen/xen_control.h"

namespace stillframe {

class GrantTable {
 public:
  GrantTable(std::shared_ptr<XenControl> control, std::shared_ptr<ForeignMemory> memory);
  GrantTable(const GrantTable&) = delete;
  GrantTable& operator=(const GrantTable&) = delete;
  ~GrantTable();

  // Maps the table as it is now, unless it is mapped already. UNIMPLEMENTED: this kernel cannot
  // (IOCTL_PRIVCMD_MMAP_RESOURCE, Linux 4.18).
  absl::Status Refresh();

  // Calls `visit` for each frame that is mapped writable now, perhaps several times: by gfn, in PV
  // guests by machine frame. ABORTED: the table grew since the last Refresh. [window]
  absl::Status ForEachWritable(absl::FunctionRef<void(std::uint64_t frame)> visit) const;

 private:
  struct Resource;

  // The two layouts of grant_table.h, by version.
  struct Shape {
    int version = 0;
    std::uint32_t frames = 0;
    friend bool operator==(const Shape&, const Shape&) = default;
  };

  absl::StatusOr<Shape> Ask() const;
  std::unique_ptr<Resource> Map(unsigned id, std::uint32_t frames) const;

  const std::shared_ptr<XenControl> control_;
  const std::shared_ptr<ForeignMemory> memory_;
  const std::uint32_t domid_;
  Shape shape_;
  std::unique_ptr<Resource> entries_;
  std::unique_ptr<Resource> status_;  // version 2 only
};

}  // namespace stillframe
