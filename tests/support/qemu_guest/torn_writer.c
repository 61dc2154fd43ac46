/* The torn-page workload: stamps sequence numbers into every page of an area, in order, for ever.
 *
 *   page: [0] magic, 16 bytes | [16] page index | [24] head | ... | [4088] tail  (u64, LE)
 *
 * At any instant the heads read k, ..., k, k-1, ..., k-1 in page order, and at most the page being
 * stamped has a tail that lags. */
#include "torn_writer.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { kPage = 4096, kIndexWord = 2, kHeadWord = 3, kTailWord = 511, kNapPages = 16 };

static const char kMagic[16] = "SNAPTRUTHpage\x01\x02";

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
  for (uint64_t pass = 1;; pass++) {
    for (size_t i = 0; i < pages; i++) {
      volatile uint64_t* page = area + i * (kPage / sizeof *area);
      page[kHeadWord] = pass;
      page[kTailWord] = pass;
      if (nap_us > 0 && i % kNapPages == kNapPages - 1) usleep((useconds_t)nap_us);
    }
    if (pass == 1 && write(ready_fd, "r", 1) != 1) _exit(1);
  }
}
