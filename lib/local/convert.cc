#include "local/convert.h"

#include <optional>
#include <string>

#include "base/status.h"

namespace stillframe {
namespace {

v1::Snapshot::Method ToMessage(CaptureMethod method) {
  switch (method) {
    case CaptureMethod::kFull:
      return v1::Snapshot::METHOD_FULL;
    case CaptureMethod::kDirtyLog:
      return v1::Snapshot::METHOD_DIRTY_LOG;
    case CaptureMethod::kCompare:
      return v1::Snapshot::METHOD_COMPARE;
  }
  return v1::Snapshot::METHOD_UNSPECIFIED;
}

v1::Snapshot::Consistency ToMessage(Consistency consistency) {
  switch (consistency) {
    case Consistency::kInstantaneous:
      return v1::Snapshot::CONSISTENCY_INSTANTANEOUS;
    case Consistency::kQuasiInstantaneous:
      return v1::Snapshot::CONSISTENCY_QUASI_INSTANTANEOUS;
  }
  return v1::Snapshot::CONSISTENCY_UNSPECIFIED;
}

v1::Snapshot::Trigger ToMessage(CaptureTrigger trigger) {
  switch (trigger) {
    case CaptureTrigger::kPeriod:
      return v1::Snapshot::TRIGGER_PERIOD;
    case CaptureTrigger::kRequest:
      return v1::Snapshot::TRIGGER_REQUEST;
  }
  return v1::Snapshot::TRIGGER_UNSPECIFIED;
}

v1::Snapshot::FrameSpace ToMessage(FrameSpace space) {
  switch (space) {
    case FrameSpace::kGuest:
      return v1::Snapshot::FRAME_SPACE_GUEST;
    case FrameSpace::kMachine:
      return v1::Snapshot::FRAME_SPACE_MACHINE;
  }
  return v1::Snapshot::FRAME_SPACE_UNSPECIFIED;
}

// nullopt: holes are what no region names.
std::optional<v1::MemoryRegion::Kind> ToMessage(RegionKind kind) {
  switch (kind) {
    case RegionKind::kRam:
      return v1::MemoryRegion::KIND_RAM;
    case RegionKind::kRom:
      return v1::MemoryRegion::KIND_ROM;
    case RegionKind::kMmio:
      return v1::MemoryRegion::KIND_MMIO;
    case RegionKind::kBallooned:
      return v1::MemoryRegion::KIND_BALLOONED;
    case RegionKind::kUnreadable:
      return v1::MemoryRegion::KIND_UNREADABLE;
    case RegionKind::kHole:
      return std::nullopt;
  }
  return std::nullopt;
}

void Fill(const SegmentState& segment, v1::Segment& message) {
  message.set_selector(segment.selector);
  message.set_base(segment.base);
  message.set_limit(segment.limit);
  message.set_attributes(segment.attributes);
}

void Fill(const DescriptorTable& table, v1::DescriptorTable& message) {
  message.set_base(table.base);
  message.set_limit(table.limit);
}

void Fill(const VcpuState& vcpu, v1::Vcpu& message) {
  message.set_index(vcpu.index);
  message.mutable_general()->Add(vcpu.general.begin(), vcpu.general.end());
  message.set_rip(vcpu.rip);
  message.set_rflags(vcpu.rflags);
  message.set_cr0(vcpu.cr0);
  message.set_cr2(vcpu.cr2);
  message.set_cr3(vcpu.cr3);
  message.set_cr4(vcpu.cr4);
  if (vcpu.cr8) message.set_cr8(*vcpu.cr8);
  if (vcpu.efer) message.set_efer(*vcpu.efer);
  Fill(vcpu.cs, *message.mutable_cs());
  Fill(vcpu.ds, *message.mutable_ds());
  Fill(vcpu.es, *message.mutable_es());
  Fill(vcpu.fs, *message.mutable_fs());
  Fill(vcpu.gs, *message.mutable_gs());
  Fill(vcpu.ss, *message.mutable_ss());
  Fill(vcpu.ldt, *message.mutable_ldt());
  Fill(vcpu.tr, *message.mutable_tr());
  Fill(vcpu.gdt, *message.mutable_gdt());
  Fill(vcpu.idt, *message.mutable_idt());
  if (vcpu.kernel_gs_base) message.set_kernel_gs_base(*vcpu.kernel_gs_base);
  if (vcpu.star) message.set_star(*vcpu.star);
  if (vcpu.lstar) message.set_lstar(*vcpu.lstar);
  if (vcpu.cstar) message.set_cstar(*vcpu.cstar);
  if (vcpu.sf_mask) message.set_sf_mask(*vcpu.sf_mask);
  if (vcpu.sysenter_cs) message.set_sysenter_cs(*vcpu.sysenter_cs);
  if (vcpu.sysenter_esp) message.set_sysenter_esp(*vcpu.sysenter_esp);
  if (vcpu.sysenter_eip) message.set_sysenter_eip(*vcpu.sysenter_eip);
}

}  // namespace

v1::Snapshot ToMessage(const SnapshotMetadata& metadata, Detail detail) {
  v1::Snapshot message;
  message.set_guest_uuid(metadata.guest.id.ToString());
  message.set_guest_name(metadata.guest.name);
  message.set_epoch(metadata.epoch.ToString());
  message.set_generation(metadata.generation.value);
  message.set_method(ToMessage(metadata.method));
  message.set_consistency(ToMessage(metadata.consistency));
  message.set_trigger(ToMessage(metadata.trigger));
  message.set_wall_time_ns(metadata.wall_ns);
  message.set_pause_begin_ns(metadata.pause_begin_ns);
  message.set_pause_end_ns(metadata.pause_end_ns);
  message.set_page_count(metadata.pages_total);
  message.set_pages_present(metadata.pages_present);
  message.set_pages_zero(metadata.pages_zero);
  message.set_pages_absent(metadata.pages_absent);
  message.set_pages_copied(metadata.pages_copied);
  message.set_pages_changed(metadata.pages_changed);
  message.set_window_page_faults(metadata.window_page_faults);
  message.set_frame_space(ToMessage(metadata.frame_space));
  if (metadata.pages_backend_mapped) {
    message.set_pages_backend_mapped(*metadata.pages_backend_mapped);
  }
  message.set_precopy_rounds(metadata.precopy_rounds);
  message.set_precopy_pages(metadata.precopy_pages);
  message.set_pages_unchecked(metadata.pages_unchecked);
  if (detail == Detail::kBrief) return message;

  for (const VcpuState& vcpu : metadata.vcpus) Fill(vcpu, *message.add_vcpus());
  for (const MemoryRegion& region : metadata.map.regions()) {
    const std::optional<v1::MemoryRegion::Kind> kind = ToMessage(region.kind);
    if (!kind.has_value()) continue;
    v1::MemoryRegion& added = *message.add_memory_regions();
    added.set_first_gfn(region.range.first.value);
    added.set_page_count(region.range.pages);
    added.set_kind(*kind);
  }
  return message;
}

v1::SnapshotEvent ToMessage(const SnapshotEvent& event) {
  v1::SnapshotEvent message;
  message.set_guest_uuid(event.guest.id.ToString());
  message.set_guest_name(event.guest.name);
  message.set_epoch(event.epoch.ToString());
  switch (event.kind) {
    case SnapshotEvent::Kind::kPublished:
      *message.mutable_published() = ToMessage(*event.published, Detail::kBrief);
      break;
    case SnapshotEvent::Kind::kEvicted:
      message.mutable_evicted()->set_generation(event.generation.value);
      message.mutable_evicted()->set_oldest_generation(event.oldest.value);
      break;
    case SnapshotEvent::Kind::kEpochChanged:
      message.mutable_epoch_changed();
      if (!event.previous_epoch.is_nil()) {
        message.mutable_epoch_changed()->set_previous_epoch(event.previous_epoch.ToString());
      }
      break;
    case SnapshotEvent::Kind::kGuestGone:
      message.mutable_guest_gone();
      break;
    case SnapshotEvent::Kind::kFailed:
      message.mutable_capture_failed()->set_code(absl::StatusCodeToString(event.error.code()));
      message.mutable_capture_failed()->set_message(MessageOf(event.error));
      break;
  }
  return message;
}

v1::Guest::State ToMessage(RunState state) {
  switch (state) {
    case RunState::kRunning:
      return v1::Guest::STATE_RUNNING;
    case RunState::kPaused:
      return v1::Guest::STATE_PAUSED;
    case RunState::kShutDown:
      return v1::Guest::STATE_SHUT_DOWN;
    case RunState::kCrashed:
      return v1::Guest::STATE_CRASHED;
  }
  return v1::Guest::STATE_UNSPECIFIED;
}

}  // namespace stillframe
