/* Stamps `mib` MiB of anonymous memory for ever, sleeping `nap_us` after every 16 pages; writes a
 * byte to `ready_fd` after the first pass. Never returns; exits with 1 when there is no such
 * memory. */
#pragma once

#include <stddef.h>

void torn_writer_run(size_t mib, size_t nap_us, int ready_fd);
