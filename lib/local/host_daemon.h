// The daemon's answer to GetStats as the API shows it.
#pragma once

#include "stillframe/local/v1/local.pb.h"
#include "stillframe/v1/host.pb.h"

namespace stillframe {

v1::Host::Daemon ToHostDaemon(const local::v1::Stats& stats);

}  // namespace stillframe
