/* Stamps `mib` MiB of anonymous memory for ever; writes a byte to `ready_fd` after the first
 * pass. Never returns; exits with 1 when there is no such memory. */
#pragma once

#include <stddef.h>

void torn_writer_run(size_t mib, int ready_fd);
