/* Process 1 of the test guest: starts the workload and prints the truth about the guest on the
 * console, one "TRUTH key value" line each, then "READY".
 *
 * Kernel command line: stillframe.torn_mib=N, the size of the torn-page workload (0: none);
 * stillframe.nap_us=N, how long the workload sleeps after every 16 pages (0: never). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "torn_writer.h"

static const char* const kSymbols[] = {"linux_banner", "entry_SYSCALL_64", "asm_exc_divide_error",
                                       "init_task",    "idt_table",        "init_top_pgt"};
enum { kSymbolCount = sizeof kSymbols / sizeof kSymbols[0] };

static void write_file(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY);
  if (fd < 0) return;
  if (write(fd, text, strlen(text)) < 0) perror(path);
  close(fd);
}

static void tell_first_line(const char* key, const char* path) {
  char line[1024];
  FILE* file = fopen(path, "r");
  if (file == NULL) return;
  if (fgets(line, sizeof line, file) != NULL) printf("TRUTH %s %s", key, line);
  fclose(file);
}

/* "ffffffff82000080 T entry_SYSCALL_64" */
static void tell_symbols(void) {
  static char buffer[1 << 16];
  char line[512], name[256], type;
  unsigned long address;
  int left = kSymbolCount;
  FILE* file = fopen("/proc/kallsyms", "r");
  if (file == NULL) return;
  setvbuf(file, buffer, _IOFBF, sizeof buffer);
  while (left > 0 && fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "%lx %c %255s", &address, &type, name) != 3) continue;
    for (int i = 0; i < kSymbolCount; i++) {
      if (strcmp(name, kSymbols[i]) != 0) continue;
      printf("TRUTH %s %lx\n", name, address);
      left--;
    }
  }
  fclose(file);
}

/* The number after `key` in the kernel command line; 0 when there is none. */
static size_t argument(const char* key) {
  char line[2048] = "";
  FILE* file = fopen("/proc/cmdline", "r");
  if (file == NULL) return 0;
  if (fgets(line, sizeof line, file) == NULL) line[0] = '\0';
  fclose(file);
  const char* found = strstr(line, key);
  return found == NULL ? 0 : strtoul(found + strlen(key), NULL, 10);
}

int main(void) {
  mkdir("/proc", 0755);
  mkdir("/dev", 0755);
  if (mount("proc", "/proc", "proc", 0, NULL) != 0) return 1;
  if (mount("dev", "/dev", "devtmpfs", 0, NULL) != 0) return 1;
  const int console = open("/dev/console", O_RDWR);
  if (console < 0) return 1;
  for (int fd = 0; fd < 3; fd++) dup2(console, fd);
  write_file("/proc/sys/kernel/printk", "1");
  write_file("/proc/sys/kernel/kptr_restrict", "0");

  int ready[2];
  if (pipe(ready) != 0) return 1;
  const size_t mib = argument("stillframe.torn_mib=");
  if (mib > 0 && fork() == 0) {
    close(ready[0]);
    torn_writer_run(mib, argument("stillframe.nap_us="), ready[1]);
  }
  close(ready[1]);
  tell_first_line("version", "/proc/version");
  tell_first_line("cmdline", "/proc/cmdline");
  tell_symbols();
  char byte;
  if (mib > 0 && read(ready[0], &byte, 1) != 1) {
    printf("FAILED the torn-page workload did not start\n");
  } else {
    printf("TRUTH torn_pages %zu\nREADY\n", mib * 256);
  }
  fflush(stdout);
  for (;;) {
    if (wait(NULL) < 0) pause();
  }
}
