/* A PVH or HVM guest without an operating system: the torn-page workload of torn_writer.c, running
 * within seconds where Linux under emulation takes half a minute. Virtual = guest-physical.
 *
 * As an HVM guest it takes the firmware's place, which Xen starts as it starts a PVH kernel, but
 * without a command line.
 *
 * Command line: stillframe.torn_mib=N, the size of the workload, which lies at 16 MiB;
 * stillframe.nap_us=N, how long it sleeps after every 16 pages (0: never).
 *
 * Its console takes commands of one letter; what it did is written there, a line each:
 *   r  reboot     p  power off     c  crash
 *   o  give the pages at kBalloonFirst back to Xen      i  ask for them again, and stamp them
 *   d  let the device model write the next block of the disk to kDmaFrame
 *
 * R14 is the pass that is being stamped, R15 the page that comes next. */
#include <stddef.h>
#include <stdint.h>
#include <xen/arch-x86/hvm/start_info.h>

#include "disk.h"
#include "xen_calls.h"

enum { kPage = 4096, kWords = kPage / 8, kNapPages = 16 };
enum { kIndexWord = 2, kHeadWord = 3, kTailWord = 511 };
enum { kBalloonFirst = 0x1a00, kBalloonPages = 64 };
enum { kDmaFrame = 0x1b00, kNoBlock = 999 };

static const char kDefaultCommandLine[] = "stillframe.torn_mib=8 stillframe.nap_us=4000";
static const char kMagic[16] = "SNAPTRUTHpage\x01\x02";
static volatile uint64_t* const kArea = (volatile uint64_t*)(16 << 20);

/* Both files are compiled with -ffixed-r14 -ffixed-r15: nothing else ever lies in them. */
register uint64_t pass __asm__("r14");
register uint64_t next_page __asm__("r15");

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

static void tell(const char* what, uint64_t number) {
  print(what);
  print_number(number);
  print("\n");
}

static void obey(char command) {
  switch (command) {
    case 'r':
      shut_down(kReboot);
      return;
    case 'p':
      shut_down(kPowerOff);
      return;
    case 'c':
      shut_down(kCrash);
      return;
    case 'o':
      tell("GAVE ", give_pages(kBalloonFirst, kBalloonPages));
      return;
    case 'i': {
      const uint64_t got = take_pages(kBalloonFirst, kBalloonPages);
      for (uint64_t i = 0; i < got; i++) {
        *(volatile uint64_t*)((kBalloonFirst + i) * kPage) = kBalloonFirst + i;
      }
      tell("TOOK ", got);
      return;
    }
    case 'd': {
      static uint64_t block;
      const int read = has_disk() && read_disk(block, kDmaFrame);
      tell("READ ", read ? block : kNoBlock);
      block++;
      return;
    }
    default:
      return;
  }
}

void tiny_main(const struct hvm_start_info* start) {
  xen_calls_init();
  const char* line =
      start->cmdline_paddr != 0 ? (const char*)start->cmdline_paddr : kDefaultCommandLine;
  const uint64_t pages = argument(line, "stillframe.torn_mib=") * 256;
  const uint64_t nap_us = argument(line, "stillframe.nap_us=");

  for (uint64_t i = 0; i < pages; i++) {
    volatile uint64_t* page = kArea + i * kWords;
    page[kHeadWord] = 0;
    page[kTailWord] = 0;
    for (size_t k = 0; k < sizeof kMagic; k++) ((volatile char*)page)[k] = kMagic[k];
    page[kIndexWord] = i;
  }
  for (pass = 1;; pass++) {
    for (next_page = 0; next_page < pages; next_page++) {
      volatile uint64_t* page = kArea + next_page * kWords;
      page[kHeadWord] = pass;
      page[kTailWord] = pass;
      if (next_page % kNapPages != kNapPages - 1) continue;
      if (nap_us != 0) sleep_us(nap_us);
      for (char command = read_key(); command != '\0'; command = read_key()) obey(command);
    }
    if (pass == 1) {
      tell("TRUTH torn_pages ", pages);
      print("READY\n");
    }
  }
}
