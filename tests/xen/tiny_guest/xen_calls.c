#define __XEN_INTERFACE_VERSION__ 0x00040800
#include "xen_calls.h"

#include <stddef.h>
#include <xen/xen.h>

#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>
#include <xen/memory.h>
#include <xen/sched.h>

enum { kPage = 4096, kHypercallBytes = 32, kXenCpuidBase = 0x40000000 };

static char hypercall_page[kPage] __attribute__((aligned(4096)));
/* Xen puts its page here, in place of ours. */
static char shared_info_page[kPage] __attribute__((aligned(4096)));

static struct xencons_interface* console;
static evtchn_port_t console_port;

static long hypercall(unsigned number, long first, void* second) {
  long result;
  __asm__ volatile("call *%[entry]"
                   : "=a"(result), "+D"(first), "+S"(second)
                   : [entry] "r"(hypercall_page + number * kHypercallBytes)
                   : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
  return result;
}

static uint64_t hvm_parameter(uint32_t index) {
  struct xen_hvm_param parameter = {.domid = DOMID_SELF, .index = index};
  hypercall(__HYPERVISOR_hvm_op, HVMOP_get_param, &parameter);
  return parameter.value;
}

void xen_calls_init(void) {
  uint32_t pages, msr, ecx, edx;
  __asm__("cpuid" : "=a"(pages), "=b"(msr), "=c"(ecx), "=d"(edx) : "a"(kXenCpuidBase + 2), "c"(0));
  const uint64_t at = (uint64_t)hypercall_page;
  __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)at), "d"((uint32_t)(at >> 32)) : "memory");

  struct xen_add_to_physmap map = {.domid = DOMID_SELF,
                                   .space = XENMAPSPACE_shared_info,
                                   .gpfn = (uint64_t)shared_info_page / kPage};
  hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &map);

  console_port = (evtchn_port_t)hvm_parameter(HVM_PARAM_CONSOLE_EVTCHN);
  console = (struct xencons_interface*)(hvm_parameter(HVM_PARAM_CONSOLE_PFN) * kPage);
}

void print(const char* text) {
  XENCONS_RING_IDX at = console->out_prod;
  const XENCONS_RING_IDX consumed = __atomic_load_n(&console->out_cons, __ATOMIC_ACQUIRE);
  for (; *text != '\0' && at - consumed < sizeof console->out; text++, at++) {
    console->out[MASK_XENCONS_IDX(at, console->out)] = *text;
  }
  __atomic_store_n(&console->out_prod, at, __ATOMIC_RELEASE);
  struct evtchn_send send = {.port = console_port};
  hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
}

char read_key(void) {
  const XENCONS_RING_IDX at = console->in_cons;
  if (at == __atomic_load_n(&console->in_prod, __ATOMIC_ACQUIRE)) return '\0';
  const char key = console->in[MASK_XENCONS_IDX(at, console->in)];
  __atomic_store_n(&console->in_cons, at + 1, __ATOMIC_RELEASE);
  struct evtchn_send send = {.port = console_port};
  hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
  return key;
}

void print_number(uint64_t number) {
  char digits[24];
  char* at = digits + sizeof digits - 1;
  *at = '\0';
  do {
    *--at = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  print(at);
}

/* Nanoseconds since Xen booted: see struct vcpu_time_info in xen.h. */
static uint64_t now_ns(void) {
  const volatile struct vcpu_time_info* time =
      &((const struct shared_info*)shared_info_page)->vcpu_info[0].time;
  uint32_t version;
  uint64_t now;
  do {
    version = time->version;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    uint64_t ticks = ((uint64_t)high << 32 | low) - time->tsc_timestamp;
    const int shift = time->tsc_shift;
    ticks = shift >= 0 ? ticks << shift : ticks >> -shift;
    now = time->system_time +
          (uint64_t)(((unsigned __int128)ticks * time->tsc_to_system_mul) >> 32);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
  } while ((version & 1) != 0 || version != time->version);
  return now;
}

void sleep_us(uint64_t us) {
  struct sched_poll poll = {.nr_ports = 0, .timeout = now_ns() + us * 1000};
  hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll);
}

static uint64_t reserve(unsigned operation, uint64_t first, uint64_t count) {
  static xen_pfn_t frames[512];
  if (count > 512) return 0;
  for (uint64_t i = 0; i < count; i++) frames[i] = first + i;
  struct xen_memory_reservation reservation = {.nr_extents = count, .domid = DOMID_SELF};
  set_xen_guest_handle(reservation.extent_start, frames);
  const long done = hypercall(__HYPERVISOR_memory_op, operation, &reservation);
  return done < 0 ? 0 : (uint64_t)done;
}

uint64_t give_pages(uint64_t first, uint64_t count) {
  return reserve(XENMEM_decrease_reservation, first, count);
}

uint64_t take_pages(uint64_t first, uint64_t count) {
  return reserve(XENMEM_populate_physmap, first, count);
}

void shut_down(enum shutdown reason) {
  struct sched_shutdown shutdown = {.reason = reason};
  hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &shutdown);
}
