/* A PVH guest without an operating system: the torn-page workload of torn_writer.c, running
 * within seconds where Linux under emulation takes half a minute. Virtual = guest-physical.
 *
 * Command line: stillframe.torn_mib=N, the size of the workload, which lies at 16 MiB;
 * stillframe.nap_us=N, how long it sleeps after every 16 pages (0: never). */
#include <stddef.h>
#include <stdint.h>
#include <xen/arch-x86/hvm/start_info.h>

#include "xen_calls.h"

enum { kPage = 4096, kWords = kPage / 8, kNapPages = 16 };
enum { kIndexWord = 2, kHeadWord = 3, kTailWord = 511 };

static const char kMagic[16] = "SNAPTRUTHpage\x01\x02";
static volatile uint64_t* const kArea = (volatile uint64_t*)(16 << 20);

/* The number after `key` in `line`; 0 when there is none. */
static uint64_t argument(const char* line, const char* key) {
  for (; *line != '\0'; line++) {
    size_t same = 0;
    while (key[same] != '\0' && line[same] == key[same]) same++;
    if (key[same] != '\0') continue;
    uint64_t number = 0;
    for (line += same; *line >= '0' && *line <= '9'; line++) number = number * 10 + *line - '0';
    return number;
  }
  return 0;
}

void tiny_main(const struct hvm_start_info* start) {
  xen_calls_init();
  const char* line = (const char*)start->cmdline_paddr;
  const uint64_t pages = argument(line, "stillframe.torn_mib=") * 256;
  const uint64_t nap_us = argument(line, "stillframe.nap_us=");

  for (uint64_t i = 0; i < pages; i++) {
    volatile uint64_t* page = kArea + i * kWords;
    page[kHeadWord] = 0;
    page[kTailWord] = 0;
    for (size_t k = 0; k < sizeof kMagic; k++) ((volatile char*)page)[k] = kMagic[k];
    page[kIndexWord] = i;
  }
  for (uint64_t pass = 1;; pass++) {
    for (uint64_t i = 0; i < pages; i++) {
      volatile uint64_t* page = kArea + i * kWords;
      page[kHeadWord] = pass;
      page[kTailWord] = pass;
      if (nap_us != 0 && i % kNapPages == kNapPages - 1) sleep_us(nap_us);
    }
    if (pass == 1) {
      print("TRUTH torn_pages ");
      print_number(pages);
      print("\nREADY\n");
    }
  }
}
