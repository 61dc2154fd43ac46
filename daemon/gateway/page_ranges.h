// The page ranges of a request, checked against the snapshot that it reads.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/units.h"
#include "gateway/options.h"
#include "stillframe/v1/snapshot.pb.h"

namespace stillframe {

// `wanted` in its order; none: the whole snapshot of `page_count` pages. INVALID_ARGUMENT with
// reason RANGE_INVALID: an empty range or one past 2^64. OUT_OF_RANGE with RANGE_PAST_END: it ends
// past the snapshot. RESOURCE_EXHAUSTED with LIMIT_EXCEEDED: too many ranges.
absl::StatusOr<std::vector<GfnRange>> CheckRanges(
    const google::protobuf::RepeatedPtrField<v1::PageRange>& wanted, std::uint64_t page_count,
    const ServingLimits& limits);

}  // namespace stillframe
