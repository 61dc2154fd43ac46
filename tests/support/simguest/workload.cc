#include "simguest/workload.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "introspect/torn_pages.h"
#include "simguest/pacer.h"

namespace stillframe::sim {
namespace {

using std::chrono::nanoseconds;

// Pages between two looks at the clock: waits shorter than this takes would be lost anyway.
constexpr std::uint64_t kBatchPages = 8;

void Store(std::byte* page, std::size_t offset, std::uint64_t value) {
  *reinterpret_cast<volatile std::uint64_t*>(page + offset) = value;
}

std::uint64_t Load(const std::byte* page, std::size_t offset) {
  return *reinterpret_cast<const volatile std::uint64_t*>(page + offset);
}

class Idle final : public Workload {
 public:
  void Boot(Vcpu&) override {}
  nanoseconds Step(Vcpu& vcpu) override {
    ++vcpu.general[0];
    return std::chrono::milliseconds(100);
  }
};

// What the workloads that write share: a window, a pace, a seeded source of choice.
class Writer : public Workload {
 public:
  Writer(const WorkloadOptions& options, GuestRam& ram)
      : options_(options), ram_(ram), pacer_(options.pages_per_second), random_(options.seed) {}

  void Boot(Vcpu& vcpu) override {
    random_.seed(options_.seed);
    count_ = 0;
    next_ = 0;
    for (std::uint64_t i = 0; i < options_.window_pages; ++i) {
      ram_.Write(page(i), [this](std::byte* at) {
        for (std::size_t offset = 0; offset < kPageBytes; offset += 64)
          Store(at, offset, random_());
      });
    }
    Show(vcpu);
  }

 protected:
  std::uint64_t window() const { return options_.window_pages; }
  std::uint64_t page(std::uint64_t i) const { return options_.window_first + i; }

  void Show(Vcpu& vcpu) const {
    vcpu.general[0] = count_;
    vcpu.general[1] = next_;
  }

  nanoseconds Finish(Vcpu& vcpu, std::uint64_t pages) {
    Show(vcpu);
    return pacer_.Done(pages);
  }

  const WorkloadOptions options_;
  GuestRam& ram_;
  Pacer pacer_;
  std::mt19937_64 random_;
  std::uint64_t count_ = 0;
  std::uint64_t next_ = 0;
};

class Sequential final : public Writer {
 public:
  using Writer::Writer;
  nanoseconds Step(Vcpu& vcpu) override {
    for (std::uint64_t i = 0; i < kBatchPages; ++i) {
      ++count_;
      ram_.Write(page(next_), [this](std::byte* at) {
        for (std::size_t offset = 0; offset < kPageBytes; offset += 64) Store(at, offset, count_);
      });
      next_ = (next_ + 1) % window();
    }
    return Finish(vcpu, kBatchPages);
  }
};

class Random final : public Writer {
 public:
  using Writer::Writer;
  nanoseconds Step(Vcpu& vcpu) override {
    for (std::uint64_t i = 0; i < kBatchPages; ++i) {
      ++count_;
      const std::size_t offset = random_() % (kPageBytes / 8) * 8;
      ram_.Write(page(next_), [&](std::byte* at) { Store(at, offset, count_); });
      next_ = random_() % window();
    }
    return Finish(vcpu, kBatchPages);
  }
};

// Reads each page of a small window and writes part of it back; after each pass the window moves
// on by one page through the larger one.
class Drift final : public Writer {
 public:
  using Writer::Writer;
  nanoseconds Step(Vcpu& vcpu) override {
    const std::uint64_t loop = std::max<std::uint64_t>(1, window() / 8);
    for (std::uint64_t i = 0; i < kBatchPages; ++i) {
      ++count_;
      next_ = (passes_ + count_ % loop) % window();
      if (count_ % loop == 0) ++passes_;
      ram_.Write(page(next_), [this](std::byte* at) {
        std::uint64_t sum = 0;
        for (std::size_t offset = 0; offset < kPageBytes; offset += 8) sum += Load(at, offset);
        Store(at, count_ % (kPageBytes / 8) * 8, sum + count_);
      });
    }
    return Finish(vcpu, kBatchPages);
  }

 private:
  std::uint64_t passes_ = 0;
};

// Pages full of page-table-like entries, each naming another page of the window (present bit set);
// chased at random, and one entry in eight rewritten.
class Mesh final : public Writer {
 public:
  using Writer::Writer;

  void Boot(Vcpu& vcpu) override {
    random_.seed(options_.seed);
    count_ = 0;
    next_ = 0;
    for (std::uint64_t i = 0; i < window(); ++i) {
      ram_.Write(page(i), [this](std::byte* at) {
        for (std::size_t offset = 0; offset < kPageBytes; offset += 8) Store(at, offset, Entry());
      });
    }
    Show(vcpu);
    vcpu.cr3 = ram_.TableAddressOf(page(0));
  }

  nanoseconds Step(Vcpu& vcpu) override {
    std::uint64_t written = 0;
    for (std::uint64_t i = 0; i < kBatchPages; ++i) {
      ++count_;
      const std::size_t offset = random_() % (kPageBytes / 8) * 8;
      const std::byte* at = ram_.Read(page(next_));
      const std::uint64_t entry = at != nullptr ? Load(at, offset) : Entry();
      if (count_ % 8 == 0) {
        ram_.Write(page(next_), [&](std::byte* to) { Store(to, offset, Entry()); });
        ++written;
      }
      // Within the window by construction; a page that came back from a balloon reads as zero.
      next_ = (entry >> 52) % window();
    }
    return Finish(vcpu, written);
  }

 private:
  // The frame's address with the present and writable bits, its place in the window (modulo 4096)
  // in the bits that page tables leave to software.
  std::uint64_t Entry() {
    const std::uint64_t i = random_() % std::min<std::uint64_t>(window(), 4096);
    return ram_.TableAddressOf(page(i)) | 3 | i << 52;
  }
};

// See introspect/torn_pages.h. RAX is the pass k, RBX the page stamped next: pages below RBX carry
// k, the others k-1.
class Torn final : public Writer {
 public:
  using Writer::Writer;

  void Boot(Vcpu& vcpu) override {
    count_ = 1;
    next_ = 0;
    for (std::uint64_t i = 0; i < window(); ++i) {
      ram_.Write(page(i), [i](std::byte* at) {
        std::memcpy(at, kTornPageMagic.data(), kTornPageMagic.size());
        Store(at, kTornIndexOffset, i);
      });
    }
    Show(vcpu);
  }

  nanoseconds Step(Vcpu& vcpu) override {
    ram_.Write(page(next_), [this](std::byte* at) {
      Store(at, kTornHeadOffset, count_);
      Store(at, kTornTailOffset, count_);
    });
    if (++next_ == window()) {
      next_ = 0;
      ++count_;
    }
    return Finish(vcpu, 1);
  }
};

}  // namespace

std::optional<WorkloadKind> ParseWorkload(const std::string& name) {
  if (name == "idle") return WorkloadKind::kIdle;
  if (name == "sequential") return WorkloadKind::kSequential;
  if (name == "random") return WorkloadKind::kRandom;
  if (name == "drift") return WorkloadKind::kDrift;
  if (name == "mesh") return WorkloadKind::kMesh;
  if (name == "torn") return WorkloadKind::kTorn;
  return std::nullopt;
}

std::unique_ptr<Workload> MakeWorkload(const WorkloadOptions& options, GuestRam& ram) {
  if (options.window_pages == 0) return std::make_unique<Idle>();
  switch (options.kind) {
    case WorkloadKind::kIdle:
      return std::make_unique<Idle>();
    case WorkloadKind::kSequential:
      return std::make_unique<Sequential>(options, ram);
    case WorkloadKind::kRandom:
      return std::make_unique<Random>(options, ram);
    case WorkloadKind::kDrift:
      return std::make_unique<Drift>(options, ram);
    case WorkloadKind::kMesh:
      return std::make_unique<Mesh>(options, ram);
    case WorkloadKind::kTorn:
      return std::make_unique<Torn>(options, ram);
  }
  return std::make_unique<Idle>();
}

}  // namespace stillframe::sim
