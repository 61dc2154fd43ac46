#include "local/host_daemon.h"

namespace stillframe {

v1::Host::Daemon ToHostDaemon(const local::v1::Stats& stats) {
  v1::Host::Daemon daemon;
  daemon.set_version(stats.version());
  daemon.set_uptime_ms(stats.uptime_ms());
  daemon.set_arena_bytes(stats.arena_bytes());
  daemon.set_arena_bytes_max(stats.arena_bytes_max());
  daemon.set_guardian_resumes(stats.guardian_resumes());
  daemon.set_guardian_respawns(stats.guardian_respawns());
  daemon.set_connections(stats.connections());
  daemon.set_pins(stats.pins());
  daemon.set_watches(stats.watches());
  daemon.set_wall_time_ns(stats.wall_time_ns());
  return daemon;
}

}  // namespace stillframe
