// Ways to get at one and the same memory, all inlined alike: word by word or copied out.
//
// Thread-compatible. All addresses are within the memory; errors count as zeros, which the
// benchmark's check of what was read finds.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/units.h"
#include "local/pinned_snapshot.h"
#include "stillframe/snapshot_reader.h"

namespace stillframe::bench {

// Plain addresses: an ordinary mapping, or a flat view.
class PlainMemory {
 public:
  explicit PlainMemory(const std::byte* base) : base_(base) {}

  std::uint64_t Word(std::uint64_t address) const {
    std::uint64_t word = 0;
    std::memcpy(&word, base_ + address, sizeof word);
    return word;
  }
  void Copy(std::uint64_t address, std::span<std::byte> to) const {
    std::memcpy(to.data(), base_ + address, to.size());
  }

 private:
  const std::byte* const base_;
};

// A file: one system call for each access.
class FileMemory {
 public:
  explicit FileMemory(int fd) : fd_(fd) {}

  std::uint64_t Word(std::uint64_t address) const {
    std::uint64_t word = 0;
    Copy(address, std::as_writable_bytes(std::span(&word, 1)));
    return word;
  }
  void Copy(std::uint64_t address, std::span<std::byte> to) const {
    if (pread(fd_, to.data(), to.size(), static_cast<off_t>(address)) < 0) {
      std::memset(to.data(), 0, to.size());
    }
  }

 private:
  const int fd_;
};

// The pointer that the page map gives for each access; whether the pin held is asked at the end.
class PageMapMemory {
 public:
  explicit PageMapMemory(const PinnedSnapshot& snapshot) : pages_(snapshot.lookup()) {}

  std::uint64_t Word(std::uint64_t address) const {
    std::uint64_t word = 0;
    Copy(address, std::as_writable_bytes(std::span(&word, 1)));
    return word;
  }
  // Within a page.
  void Copy(std::uint64_t address, std::span<std::byte> to) const {
    std::memcpy(to.data(), pages_.BytesOf(Gfn::OfAddress(address)) + address % kPageBytes,
                to.size());
  }

 private:
  const PageLookup pages_;
};

// SnapshotReader::ReadAt: each access checks range, absent pages and pin.
class ReaderMemory {
 public:
  explicit ReaderMemory(SnapshotReader& reader) : reader_(reader) {}

  std::uint64_t Word(std::uint64_t address) const {
    std::uint64_t word = 0;
    Copy(address, std::as_writable_bytes(std::span(&word, 1)));
    return word;
  }
  void Copy(std::uint64_t address, std::span<std::byte> to) const {
    if (!reader_.ReadAt(address, to).ok()) std::memset(to.data(), 0, to.size());
  }

 private:
  SnapshotReader& reader_;
};

}  // namespace stillframe::bench
