/* The disk of an HVM guest: an IDE disk that its device model emulates. */
#pragma once

#include <stdint.h>

enum { kDiskBlocks = 256 }; /* of a page each; its file is made by build_images.sh */

/* Whether there is one. PVH guests have no device model, and none. */
int has_disk(void);

/* Lets the device model write a block into a frame, by DMA: not by this CPU, so that Xen learns of
 * it from the device model only. Returns when it is done; 0 when the disk failed. */
int read_disk(uint64_t block, uint64_t frame);
