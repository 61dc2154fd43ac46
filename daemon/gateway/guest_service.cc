#include "gateway/guest_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "gateway/pagination.h"
#include "gateway/unary.h"

namespace stillframe {

absl::Status GuestService::List(GatewayCall& call, const v1::ListGuestsRequest& request,
                                v1::ListGuestsResponse& response) {
  SF_RETURN_IF_ERROR(call.Admit());
  SF_ASSIGN_OR_RETURN(const std::size_t page_size, PageSizeOf(request.page_size()));
  std::pair<std::string, std::string> after;
  if (!request.page_token().empty()) {
    SF_ASSIGN_OR_RETURN(after, ParsePageToken(request.page_token()));
  }
  SF_ASSIGN_OR_RETURN(std::vector<v1::Guest> guests, call.ListGuests());
  auto guest = guests.begin();
  if (!request.page_token().empty()) {
    guest = std::upper_bound(guests.begin(), guests.end(), after,
                             [](const auto& last, const v1::Guest& candidate) {
                               return last < std::pair(candidate.name(), candidate.uuid());
                             });
  }
  for (; guest != guests.end(); ++guest) {
    if (static_cast<std::size_t>(response.guests_size()) == page_size) {
      const v1::Guest& last = response.guests(response.guests_size() - 1);
      response.set_next_page_token(MakePageToken(last.name(), last.uuid()));
      break;
    }
    *response.add_guests() = std::move(*guest);
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* GuestService::ListGuests(grpc::CallbackServerContext* grpc,
                                                   const v1::ListGuestsRequest* request,
                                                   v1::ListGuestsResponse* response) {
  GatewayCall call(context_, grpc, "GuestService/ListGuests");
  return Answered(call, List(call, *request, *response));
}

grpc::ServerUnaryReactor* GuestService::GetGuest(grpc::CallbackServerContext* grpc,
                                                 const v1::GetGuestRequest* request,
                                                 v1::GetGuestResponse* response) {
  GatewayCall call(context_, grpc, "GuestService/GetGuest");
  const auto get = [&]() -> absl::StatusOr<v1::Guest> {
    SF_RETURN_IF_ERROR(call.Admit());
    return call.GetGuest(request->guest());
  };
  absl::StatusOr<v1::Guest> guest = get();
  if (guest.ok()) *response->mutable_guest() = std::move(*guest);
  return Answered(call, guest.status());
}

}  // namespace stillframe
