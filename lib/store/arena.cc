#include "store/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "base/memfd.h"
#include "base/reason.h"
#include "base/status.h"

namespace stillframe {
namespace {

absl::Status LimitReached(std::string_view limit, std::uint64_t bytes_max) {
  return WithReason(
      absl::ResourceExhaustedError(fmt::format("{} of {} bytes is reached", limit, bytes_max)),
      "LIMIT_EXCEEDED", {{"limit", std::string(limit)}});
}

// Where this host is itself a guest, pages that its kernel gives out may have no memory behind them
// yet: the first store to each then takes some 8 us, which the pause window must not meet.
void TouchPages(std::span<std::byte> bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += kPageBytes) {
    *const_cast<volatile std::byte*>(&bytes[at]) = std::byte{0};
  }
}

absl::Status Lock(std::span<std::byte> bytes) {
  if (mlock(bytes.data(), bytes.size()) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, fmt::format("lock {} bytes in memory: raise RLIMIT_MEMLOCK (the unit's "
                                        "LimitMEMLOCK=), or turn arena_lock off",
                                        bytes.size()));
}

}  // namespace

absl::Status ArenaBudget::Take(std::uint64_t bytes) {
  MutexLock lock(mu_);
  if (bytes > bytes_max_ - taken_) return LimitReached("arena_bytes_max of the daemon", bytes_max_);
  taken_ += bytes;
  return absl::OkStatus();
}

void ArenaBudget::Return(std::uint64_t bytes) {
  MutexLock lock(mu_);
  taken_ -= bytes;
}

std::uint64_t ArenaBudget::available() const {
  MutexLock lock(mu_);
  return bytes_max_ - taken_;
}

Arena::Arena(Options options)
    : options_(std::move(options)),
      slot_shift_(static_cast<unsigned>(std::countr_zero(options_.segment_bytes)) - kPageShift),
      slot_mask_((std::uint32_t{1} << slot_shift_) - 1) {
  segments_max_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(
      options_.bytes_max / options_.segment_bytes, kSlotsMax >> slot_shift_));
  segments_at_ = std::make_unique<std::byte*[]>(segments_max_);
  if (!options_.secrecy.wipe) return;
  wiper_ = std::make_unique<SlotWiper>([this](SlotRun run) { return MemoryOf(run); },
                                       [this](SlotRun run) {
                                         MutexLock lock(mu_);
                                         unwiped_slots_ -= run.count;
                                         MakeFree(run);
                                         wiped_.NotifyAll();
                                       });
}

Arena::~Arena() {
  if (wipes()) {
    wiper_.reset();
    WipeTaken();
  }
  if (options_.budget != nullptr) options_.budget->Return(bytes_held());
}

absl::Status Arena::Grow() {
  {
    MutexLock lock(mu_);
    if (segments_.size() >= segments_max_) {
      return LimitReached("arena_bytes_max of the guest", options_.bytes_max);
    }
  }
  if (options_.budget != nullptr) {
    SF_RETURN_IF_ERROR(options_.budget->Take(options_.segment_bytes));
  }
  auto make = [this]() -> absl::StatusOr<std::unique_ptr<Segment>> {
    SF_ASSIGN_OR_RETURN(UniqueFd fd, CreateMemfd(options_.name, options_.segment_bytes));
    auto segment = std::make_unique<Segment>();
    SF_ASSIGN_OR_RETURN(segment->mapping,
                        Mapping::Shared(fd.get(), 0, options_.segment_bytes, Access::kReadWrite));
    // Huge pages where the host allows them for shared memory (shmem_enabled: advise). All of the
    // segment is touched anyway, so they waste nothing.
    madvise(segment->mapping.data(), segment->mapping.size(), MADV_HUGEPAGE);
    if (options_.place) options_.place(segment->mapping.span());
    SF_RETURN_IF_ERROR(segment->mapping.Populate(Access::kReadWrite));
    TouchPages(segment->mapping.span());
    if (options_.secrecy.lock) SF_RETURN_IF_ERROR(Lock(segment->mapping.span()));
    SF_RETURN_IF_ERROR(SealAgainstNewWriters(fd.get()));
    SF_ASSIGN_OR_RETURN(segment->reader_fd, ReopenReadOnly(fd.get()));
    segment->free_slots = slots_per_segment();
    segment->free_words.assign((slots_per_segment() + 63) / 64, ~std::uint64_t{0});
    if (slots_per_segment() % 64 != 0) {
      segment->free_words.back() = (std::uint64_t{1} << (slots_per_segment() % 64)) - 1;
    }
    return segment;
  };
  auto segment = make();
  if (!segment.ok()) {
    if (options_.budget != nullptr) options_.budget->Return(options_.segment_bytes);
    return Annotate(segment.status(), fmt::format("grow arena {}", options_.name));
  }
  MutexLock lock(mu_);
  segments_at_[segments_.size()] = (*segment)->mapping.data();
  free_slots_ += (*segment)->free_slots;
  segments_.push_back(*std::move(segment));
  return absl::OkStatus();
}

absl::Status Arena::Reserve(std::uint64_t slots, std::vector<SlotRun>& runs) {
  for (;;) {
    {
      MutexLock lock(mu_);
      if (free_slots_ >= slots) {
        free_slots_ -= slots;
        for (std::uint32_t i = 0; slots > 0; ++i) TakeFrom(i, slots, runs);
        return absl::OkStatus();
      }
      if (unwiped_slots_ > 0) {
        wiped_.Wait(mu_);
        continue;
      }
    }
    SF_RETURN_IF_ERROR(Grow());
  }
}

bool Arena::CanReserve(std::uint64_t slots) const {
  MutexLock lock(mu_);
  std::uint64_t growable = segments_max_ - segments_.size();
  if (options_.budget != nullptr) {
    growable = std::min(growable, options_.budget->available() / options_.segment_bytes);
  }
  return free_slots_ + unwiped_slots_ + growable * slots_per_segment() >= slots;
}

void Arena::TakeFrom(std::uint32_t segment_index, std::uint64_t& wanted,
                     std::vector<SlotRun>& runs) {
  Segment& segment = *segments_[segment_index];
  const Slot base = segment_index << slot_shift_;
  for (std::uint32_t w = 0; w < segment.free_words.size(); ++w) {
    std::uint64_t& word = segment.free_words[w];
    while (word != 0 && wanted > 0) {
      const auto bit = static_cast<unsigned>(std::countr_zero(word));
      const auto length = static_cast<unsigned>(std::min<std::uint64_t>(
          static_cast<std::uint64_t>(std::countr_one(word >> bit)), wanted));
      const std::uint64_t ones =
          length == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << length) - 1;
      word &= ~(ones << bit);
      segment.free_slots -= length;
      wanted -= length;
      const Slot first = base + w * 64 + bit;
      const bool joins = !runs.empty() && runs.back().first + runs.back().count == first &&
                         (first & slot_mask_) != 0;
      if (joins) {
        runs.back().count += length;
      } else {
        runs.push_back({first, length});
      }
    }
    if (wanted == 0) return;
  }
}

void Arena::Free(SlotRun run) {
  MutexLock lock(mu_);
  if (!wipes()) return MakeFree(run);
  unwiped_slots_ += run.count;
  wiper_->Add(run);
}

std::span<std::byte> Arena::MemoryOf(SlotRun run) const {
  return {At(run.first), std::size_t{run.count} << kPageShift};
}

// What is free was wiped before, or never used.
void Arena::WipeTaken() {
  MutexLock lock(mu_);
  for (std::uint32_t i = 0; i < segments_.size(); ++i) {
    const Segment& segment = *segments_[i];
    for (std::uint32_t slot = 0; slot < slots_per_segment(); ++slot) {
      const bool free = (segment.free_words[slot / 64] >> (slot % 64) & 1) != 0;
      if (!free) std::memset(At((i << slot_shift_) + slot), 0, kPageBytes);
    }
  }
}

void Arena::MakeFree(SlotRun run) {
  Segment& segment = *segments_[run.first >> slot_shift_];
  for (std::uint32_t slot = run.first & slot_mask_, end = slot + run.count; slot < end; ++slot) {
    segment.free_words[slot / 64] |= std::uint64_t{1} << (slot % 64);
  }
  segment.free_slots += run.count;
  free_slots_ += run.count;
}

std::uint32_t Arena::segment_count() const {
  MutexLock lock(mu_);
  return static_cast<std::uint32_t>(segments_.size());
}

int Arena::segment_fd(std::uint32_t index) const {
  MutexLock lock(mu_);
  return segments_[index]->reader_fd.get();
}

std::uint64_t Arena::bytes_held() const {
  MutexLock lock(mu_);
  return segments_.size() * options_.segment_bytes;
}

std::uint64_t Arena::bytes_used() const {
  MutexLock lock(mu_);
  return segments_.size() * options_.segment_bytes - (free_slots_ << kPageShift);
}

}  // namespace stillframe
