#include "guest/resume_ticket.h"

#include <string>
#include <type_traits>

#include "gtest/gtest.h"

namespace stillframe {
namespace {

static_assert(std::is_trivially_copyable_v<ResumeTicket>);

TEST(ResumeTicketTest, AddressRoundTripsAndReplacesALongerOne) {
  ResumeTicket ticket;
  ticket.SetAddress("/run/guests/a-long-name.sim");
  ticket.SetAddress("/run/b.sim");
  EXPECT_EQ(ticket.Address(), "/run/b.sim");
  ResumeTicket fresh;
  fresh.SetAddress("/run/b.sim");
  EXPECT_EQ(ticket, fresh);
}

TEST(ResumeTicketTest, TooLongAddressesAreCutNotOverrun) {
  ResumeTicket ticket;
  ticket.SetAddress(std::string(1000, 'a'));
  EXPECT_EQ(ticket.Address(), std::string(ticket.address.size() - 1, 'a'));
}

TEST(ResumeTicketTest, MissingTerminatorIsSurvived) {
  ResumeTicket ticket;
  ticket.address.fill('x');
  EXPECT_EQ(ticket.Address().size(), ticket.address.size());
}

}  // namespace
}  // namespace stillframe
