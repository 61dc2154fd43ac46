#include "simguest/guest_ram.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <random>

#include "base/memfd.h"
#include "base/status.h"

namespace stillframe::sim {
namespace {

absl::Status SealSize(int memfd) {
  if (fcntl(memfd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    return ErrnoStatus(errno, "seal the size of guest memory");
  }
  return absl::OkStatus();
}

absl::Status PunchOut(int memfd, std::uint64_t page, std::uint64_t pages) {
  if (fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                static_cast<off_t>(page * kPageBytes),
                static_cast<off_t>(pages * kPageBytes)) != 0) {
    return ErrnoStatus(errno, fmt::format("free {} pages of guest memory", pages));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<GuestRam> GuestRam::Create(std::uint64_t pages, const std::vector<GfnRange>& holes) {
  GuestRam ram;
  ram.pages_ = pages;
  std::uint64_t gfn = 0;
  std::uint64_t placed = 0;
  for (const GfnRange& hole : holes) {
    if (hole.first.value < gfn || hole.first.value - gfn >= pages - placed) {
      return absl::InvalidArgumentError(fmt::format(
          "hole at gfn {:#x} overlaps another or lies behind the RAM", hole.first.value));
    }
    const std::uint64_t bank = hole.first.value - gfn;
    if (bank > 0) ram.banks_.push_back({.first = gfn, .pages = bank, .ram_page = placed});
    placed += bank;
    gfn = hole.end().value;
  }
  ram.banks_.push_back({.first = gfn, .pages = pages - placed, .ram_page = placed});
  ram.guest_pages_ = gfn + pages - placed;
  ram.ballooned_.Resize(ram.guest_pages_);

  const std::size_t log_bytes = (ram.guest_pages_ + 63) / 64 * sizeof(std::uint64_t);
  SF_ASSIGN_OR_RETURN(ram.ram_fd_, CreateMemfd("simguest-ram", pages * kPageBytes));
  SF_ASSIGN_OR_RETURN(ram.log_fd_, CreateMemfd("simguest-dirty", log_bytes));
  SF_RETURN_IF_ERROR(SealSize(ram.ram_fd_.get()));
  SF_RETURN_IF_ERROR(SealSize(ram.log_fd_.get()));
  SF_ASSIGN_OR_RETURN(ram.ram_fd_read_only_, ReopenReadOnly(ram.ram_fd_.get()));
  SF_ASSIGN_OR_RETURN(
      ram.ram_, Mapping::Shared(ram.ram_fd_.get(), 0, pages * kPageBytes, Access::kReadWrite));
  SF_ASSIGN_OR_RETURN(ram.log_,
                      Mapping::Shared(ram.log_fd_.get(), 0, log_bytes, Access::kReadWrite));
  return ram;
}

Gfn GuestRam::GfnOf(std::uint64_t ram_page) const {
  std::size_t i = banks_.size() - 1;
  while (banks_[i].ram_page > ram_page) --i;
  return Gfn{banks_[i].first + (ram_page - banks_[i].ram_page)};
}

absl::Status GuestRam::DealMachineFrames(std::uint64_t seed) {
  constexpr std::uint64_t kFirst = std::uint64_t{1} << 21;  // no machine frame is a gfn too
  std::vector<std::uint64_t> dealt(pages_);
  std::iota(dealt.begin(), dealt.end(), std::max(kFirst, guest_pages_));
  std::shuffle(dealt.begin(), dealt.end(), std::mt19937_64(seed));
  machine_frames_.assign(guest_pages_, kNoMachineFrame);
  for (std::uint64_t page = 0; page < pages_; ++page) {
    machine_frames_[GfnOf(page).value] = dealt[page];
  }
  SF_ASSIGN_OR_RETURN(machine_frames_fd_,
                      SealedCopy("simguest-machine",
                                 std::as_bytes(std::span<const std::uint64_t>(machine_frames_))));
  return absl::OkStatus();
}

std::uint64_t GuestRam::TableAddressOf(std::uint64_t ram_page) const {
  const Gfn gfn = GfnOf(ram_page);
  return machine_frames_.empty() ? gfn.address() : machine_frames_[gfn.value] << kPageShift;
}

absl::StatusOr<Region> GuestRam::RegionAround(GfnRange range) const {
  for (const Region& bank : banks_) {
    if (range.first.value >= bank.first && range.first.value < bank.first + bank.pages &&
        range.pages <= bank.first + bank.pages - range.first.value && !range.empty()) {
      return bank;
    }
  }
  return absl::InvalidArgumentError(
      fmt::format("{} pages at gfn {:#x} are not RAM", range.pages, range.first.value));
}

absl::Status GuestRam::BalloonOut(GfnRange range) {
  SF_ASSIGN_OR_RETURN(const Region bank, RegionAround(range));
  const PageBitmap before = ballooned_;
  ballooned_.SetRange(range);
  if (Regions().size() > kRegionsMax) {
    ballooned_ = before;
    return absl::ResourceExhaustedError(
        fmt::format("balloon: the memory map would have more than {} regions", kRegionsMax));
  }
  has_balloon_ = true;
  return PunchOut(ram_fd_.get(), bank.ram_page + (range.first.value - bank.first), range.pages);
}

absl::Status GuestRam::BalloonIn(GfnRange range) {
  SF_RETURN_IF_ERROR(RegionAround(range).status());
  const PageBitmap before = ballooned_;
  ballooned_.ClearRange(range);
  if (Regions().size() > kRegionsMax) {
    ballooned_ = before;
    return absl::ResourceExhaustedError(
        fmt::format("balloon: the memory map would have more than {} regions", kRegionsMax));
  }
  has_balloon_ = HasBalloon();
  for (std::uint64_t gfn = range.first.value; gfn < range.end().value; ++gfn) {
    log()[gfn / 64].fetch_or(std::uint64_t{1} << (gfn % 64));
  }
  return absl::OkStatus();
}

absl::Status GuestRam::Clear() {
  SF_RETURN_IF_ERROR(PunchOut(ram_fd_.get(), 0, pages_));
  ballooned_.ClearAll();
  has_balloon_ = false;
  LogAll();
  return absl::OkStatus();
}

void GuestRam::LogAll() {
  PageBitmap all(guest_pages_);
  for (const Region& bank : banks_) all.SetRange(GfnRange{Gfn{bank.first}, bank.pages});
  for (std::size_t i = 0; i < all.words().size(); ++i) {
    if (all.words()[i] != 0) log()[i].fetch_or(all.words()[i]);
  }
}

std::vector<Region> GuestRam::Regions() const {
  std::vector<Region> regions;
  for (const Region& bank : banks_) {
    const auto add = [&](std::uint64_t first, std::uint64_t end, WireRegion kind) {
      if (first == end) return;
      regions.push_back({.first = first,
                         .pages = end - first,
                         .ram_page = bank.ram_page + (first - bank.first),
                         .kind = kind});
    };
    std::uint64_t at = bank.first;
    ballooned_.ForEachRun(GfnRange{Gfn{bank.first}, bank.pages}, [&](GfnRange out) {
      add(at, out.first.value, WireRegion::kRam);
      add(out.first.value, out.end().value, WireRegion::kBallooned);
      at = out.end().value;
    });
    add(at, bank.first + bank.pages, WireRegion::kRam);
  }
  return regions;
}

void GuestRam::Describe(DescribeReply& reply) const {
  const std::vector<Region> regions = Regions();
  reply.region_count = static_cast<std::uint32_t>(regions.size());
  std::copy(regions.begin(), regions.end(), reply.regions.begin());
}

}  // namespace stillframe::sim
