#include "disk.h"

/* The primary channel of QEMU's PIIX3 (ATA-4; Intel 82371SB, "Bus Master IDE"), polled. There is
 * no firmware: what it would set up is set up here. */
enum { kPage = 4096, kSector = 512, kPageSectors = kPage / kSector };
enum { kConfigAddress = 0xcf8, kConfigData = 0xcfc };
enum { kIde = 0x80000900, kIdeId = 0x70108086, kPciCommand = 0x04, kPciBusMasterBar = 0x20 };
enum { kBusMaster = 0xc000, kBusMasterStatus = kBusMaster + 2, kBusMasterTable = kBusMaster + 4 };
enum { kAta = 0x1f0, kAtaStatus = kAta + 7, kAtaControl = 0x3f6, kReadDma = 0xc8 };
enum { kBusy = 0x80, kReady = 0x40, kFailed = 0x21, kActive = 0x01 };

static struct {
  uint32_t address;
  uint16_t bytes;
  uint16_t flags;
} descriptor __attribute__((aligned(8)));

static void out8(uint16_t port, uint8_t value) {
  __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static void out32(uint16_t port, uint32_t value) {
  __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static uint8_t in8(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}

static uint32_t in32(uint16_t port) {
  uint32_t value;
  __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}

static void configure(uint32_t where, uint32_t value) {
  out32(kConfigAddress, kIde + where);
  out32(kConfigData, value);
}

int has_disk(void) {
  out32(kConfigAddress, kIde);
  return in32(kConfigData) == kIdeId;
}

int read_disk(uint64_t block, uint64_t frame) {
  configure(kPciBusMasterBar, kBusMaster | 1);
  configure(kPciCommand, 5); /* answer ports, be master */

  const uint32_t sector = (uint32_t)(block % kDiskBlocks) * kPageSectors;
  descriptor.address = (uint32_t)(frame * kPage);
  descriptor.bytes = kPage;
  descriptor.flags = 0x8000; /* the last of the table */
  out32(kBusMasterTable, (uint32_t)(uintptr_t)&descriptor);
  out8(kBusMasterStatus, 6); /* forget earlier errors and interrupts */
  out8(kAtaControl, 2);      /* no interrupt */
  out8(kAta + 2, kPageSectors);
  out8(kAta + 3, (uint8_t)sector);
  out8(kAta + 4, (uint8_t)(sector >> 8));
  out8(kAta + 5, (uint8_t)(sector >> 16));
  out8(kAta + 6, 0xe0); /* the first disk, by sector number */
  out8(kAtaStatus, kReadDma);
  out8(kBusMaster, 9); /* into memory; go */
  while ((in8(kBusMasterStatus) & kActive) != 0 || (in8(kAtaStatus) & kBusy) != 0) continue;
  out8(kBusMaster, 0);
  return (in8(kAtaStatus) & (kReady | kFailed)) == kReady;
}
