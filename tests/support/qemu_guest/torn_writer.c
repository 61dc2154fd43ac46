/* The torn-page workload: stamps sequence numbers into every page of an area, in order, for ever.
 *
 *   page: [0] magic, 16 bytes | [16] page index | [24] head | ... | [4088] tail  (u64, LE)
 *
 * At any instant the heads read k, ..., k, k-1, ..., k-1 in page order, and at most the page being
 * stamped has a tail that lags. Word [32] of page 0 adds up the ns by which naps were too long: how
 * long the guest stood still, as it felt it. */
#include "torn_writer.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { kPage = 4096, kIndexWord = 2, kHeadWord = 3, kStallWord = 4, kTailWord = 511 };
enum { kNapPages = 16 };

static const char kMagic[16] = "SNAPTRUTHpage\x01\x02";

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void torn_writer_run(size_t mib, size_t nap_us, int ready_fd) {
  const size_t pages = mib * 256;
  volatile uint64_t* area = mmap(NULL, pages * kPage, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (area == MAP_FAILED) _exit(1);
  for (size_t i = 0; i < pages; i++) {
    volatile uint64_t* page = area + i * (kPage / sizeof *area);
    page[kIndexWord] = i;
    memcpy((void*)page, kMagic, sizeof kMagic);
  }
  uint64_t last_ns = now_ns();
  for (uint64_t pass = 1;; pass++) {
    for (size_t i = 0; i < pages; i++) {
      volatile uint64_t* page = area + i * (kPage / sizeof *area);
      page[kHeadWord] = pass;
      page[kTailWord] = pass;
      if (nap_us == 0 || i % kNapPages != kNapPages - 1) continue;
      usleep((useconds_t)nap_us);
      const uint64_t woke_ns = now_ns();
      if (woke_ns - last_ns > nap_us * 1000) area[kStallWord] += woke_ns - last_ns - nap_us * 1000;
      last_ns = woke_ns;
    }
    if (pass == 1 && write(ready_fd, "r", 1) != 1) _exit(1);
  }
}
