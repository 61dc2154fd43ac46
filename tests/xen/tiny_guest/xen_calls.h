/* What the tiny guest asks of Xen: a console, the time, sleep, memory. Single vCPU, no interrupts.
 */
#pragma once

#include <stdint.h>

/* First of all; everything else needs it. */
void xen_calls_init(void);

/* Writes to the guest's console; what does not fit into its ring is lost. */
void print(const char* text);
void print_number(uint64_t number);

/* The next key that was typed at the console; 0 when there is none. */
char read_key(void);

/* Gives the CPU away. */
void sleep_us(uint64_t us);

/* Gives `count` pages from frame `first` on back to Xen, or asks for memory there, at most 512;
 * returns how many it were. */
uint64_t give_pages(uint64_t first, uint64_t count);
uint64_t take_pages(uint64_t first, uint64_t count);

enum shutdown { kPowerOff = 0, kReboot = 1, kCrash = 3 }; /* sched.h's SHUTDOWN_... */
void shut_down(enum shutdown reason);
