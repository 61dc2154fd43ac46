/* What the tiny guest asks of Xen: a console, the time, sleep. Single vCPU, no interrupts. */
#pragma once

#include <stdint.h>

/* First of all; everything else needs it. */
void xen_calls_init(void);

/* Writes to the guest's console; what does not fit into its ring is lost. */
void print(const char* text);
void print_number(uint64_t number);

/* Gives the CPU away. */
void sleep_us(uint64_t us);
