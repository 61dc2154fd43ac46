/* What Linux 6.7 and its userfaultfd(2) and PAGEMAP_SCAN mean in numbers (include/uapi/linux/fs.h,
 * userfaultfd.h): Debian 12's headers are older. C, as the shim is. */
#pragma once

#include <linux/ioctl.h>
#include <stdint.h>

struct stillframe_uffdio_api {
  uint64_t api;
  uint64_t features;
  uint64_t ioctls;
};

struct stillframe_uffdio_range {
  uint64_t start;
  uint64_t length;
};

struct stillframe_uffdio_register {
  struct stillframe_uffdio_range range;
  uint64_t mode;
  uint64_t ioctls;
};

struct stillframe_uffdio_writeprotect {
  struct stillframe_uffdio_range range;
  uint64_t mode;
};

#define STILLFRAME_UFFD_USER_MODE_ONLY 1
#define STILLFRAME_UFFD_API 0xaaULL
#define STILLFRAME_UFFDIO_API _IOWR(0xaa, 0x3f, struct stillframe_uffdio_api)
#define STILLFRAME_UFFDIO_REGISTER _IOWR(0xaa, 0x00, struct stillframe_uffdio_register)
#define STILLFRAME_UFFDIO_UNREGISTER _IOR(0xaa, 0x01, struct stillframe_uffdio_range)
#define STILLFRAME_UFFDIO_WRITEPROTECT _IOWR(0xaa, 0x06, struct stillframe_uffdio_writeprotect)
#define STILLFRAME_UFFD_MODE_WP 2ULL
#define STILLFRAME_UFFD_WRITEPROTECT_MODE_WP 1ULL

/* WP_HUGETLBFS_SHMEM, WP_UNPOPULATED, WP_ASYNC. */
#define STILLFRAME_UFFD_FEATURES (1ULL << 12 | 1ULL << 13 | 1ULL << 15)

struct stillframe_page_region {
  uint64_t start;
  uint64_t end;
  uint64_t categories;
};

struct stillframe_pm_scan_arg {
  uint64_t size;
  uint64_t flags;
  uint64_t start;
  uint64_t end;
  uint64_t walk_end;
  uint64_t vec;
  uint64_t vec_len;
  uint64_t max_pages;
  uint64_t category_inverted;
  uint64_t category_mask;
  uint64_t category_anyof_mask;
  uint64_t return_mask;
};

#define STILLFRAME_PAGEMAP_SCAN _IOWR('f', 16, struct stillframe_pm_scan_arg)
#define STILLFRAME_PM_SCAN_WP_MATCHING (1ULL << 0)
#define STILLFRAME_PM_SCAN_CHECK_WPASYNC (1ULL << 1)
#define STILLFRAME_PAGE_IS_WRITTEN (1ULL << 1)
#define STILLFRAME_PAGE_IS_PRESENT (1ULL << 3)
