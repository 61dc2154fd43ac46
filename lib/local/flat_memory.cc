#include "local/flat_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "base/core_dump.h"
#include "base/status.h"

namespace stillframe {
namespace {

// Shorter runs are copied. A mapping costs 2 us and its first faults, a copied page 1 us.
constexpr std::uint64_t kShownPagesMin = 8;

// Each may cut a mapping in three; the kernel's default bound is 65,530 in a process.
constexpr std::uint64_t kShownRunsMax = 16'384;

}  // namespace

absl::StatusOr<FlatMemory> FlatMemory::Reserve(std::uint64_t pages) {
  const std::size_t bytes = pages << kPageShift;
  void* const at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return ErrnoStatus(errno, fmt::format("reserve {} bytes", bytes));
  FlatMemory flat(static_cast<std::byte*>(at), bytes);
  SF_RETURN_IF_ERROR(KeepOutOfCoreDumps(at, bytes));
  return flat;
}

void FlatMemory::Unmap::operator()(std::byte* at) const { munmap(at, size); }

absl::StatusOr<FlatMemory> FlatMemory::Of(const PinnedSnapshot& snapshot) {
  SF_ASSIGN_OR_RETURN(FlatMemory flat, Reserve(snapshot.page_count()));
  const Gfn end{snapshot.page_count()};
  std::uint64_t shown = 0;
  for (Gfn at{0}; at < end;) {
    const PinnedSnapshot::Run run = snapshot.RunAt(at, end);
    at = run.range.end();
    if (run.state == PageState::kZero) continue;
    if (run.state != PageState::kPresent) {
      SF_RETURN_IF_ERROR(flat.Forbid(run.range));
    } else if (run.range.pages >= kShownPagesMin && shown < kShownRunsMax &&
               flat.Show(run.range, run.bytes)) {
      ++shown;
    } else {
      flat.Copy(run.range, {run.bytes, run.range.bytes()});
    }
  }
  SF_RETURN_IF_ERROR(snapshot.CheckHeld());
  return flat;
}

void FlatMemory::Copy(GfnRange range, std::span<const std::byte> bytes) {
  std::memcpy(at_.get() + range.first.address(), bytes.data(), bytes.size());
}

absl::Status FlatMemory::Forbid(GfnRange range) {
  if (mprotect(at_.get() + range.first.address(), range.bytes(), PROT_NONE) != 0) {
    return ErrnoStatus(errno, fmt::format("keep {} absent pages from being read", range.pages));
  }
  return absl::OkStatus();
}

// An old size of 0 has mremap(2) map the same pages once more: the segments' descriptors, of which
// a large guest has hundreds, need not be kept. False: not shared memory, or too many mappings.
bool FlatMemory::Show(GfnRange range, const std::byte* shared) {
  std::byte* const at = at_.get() + range.first.address();
  void* const moved =
      mremap(const_cast<std::byte*>(shared), 0, range.bytes(), MREMAP_MAYMOVE | MREMAP_FIXED, at);
  return moved == at;
}

}  // namespace stillframe
