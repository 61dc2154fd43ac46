#include "gateway/stream_warden.h"

#include <gtest/gtest.h>

#include <future>

#include "gateway/in_flight.h"

namespace stillframe {
namespace {

constexpr std::chrono::seconds kPatience{20};

class FakeStream final : public StreamWarden::Stream {
 public:
  void OnStall() override { stalled_.set_value(); }
  void OnTurn() override { turn_.set_value(); }

  bool WaitForStall() { return Wait(stalled_); }
  bool WaitForTurn() { return Wait(turn_); }

 private:
  static bool Wait(std::promise<void>& promise) {
    return promise.get_future().wait_for(kPatience) == std::future_status::ready;
  }

  std::promise<void> stalled_;
  std::promise<void> turn_;
};

TEST(StreamWardenTest, CancelsOnlyTheStreamWhoseReaderTakesNothing) {
  const auto warden = std::make_shared<StreamWarden>(20, Clock::System());
  FakeStream good;
  FakeStream bad;
  StreamWarden::Ticket good_ticket(warden, good);
  StreamWarden::Ticket bad_ticket(warden, bad);
  good_ticket.Arm();
  good_ticket.Disarm();
  bad_ticket.Arm();
  EXPECT_TRUE(bad.WaitForStall());
  EXPECT_EQ(warden->stalls(), 1u);
}

TEST(StreamWardenTest, GivesTurnsOnlyToStreamsThatAreThere) {
  const auto warden = std::make_shared<StreamWarden>(10'000, Clock::System());
  FakeStream stream;
  StreamWarden::StreamId gone = 0;
  {
    FakeStream short_lived;
    gone = StreamWarden::Ticket(warden, short_lived).id();
  }
  StreamWarden::Ticket ticket(warden, stream);
  warden->RequestTurn(gone);
  ticket.RequestTurn();
  EXPECT_TRUE(stream.WaitForTurn());
}

TEST(InFlightTest, AStreamAtItsBoundGetsATurnWhenBytesAreLetGo) {
  const auto warden = std::make_shared<StreamWarden>(10'000, Clock::System());
  const auto budget = std::make_shared<ByteBudget>(1000, warden);
  FakeStream stream;
  StreamWarden::Ticket ticket(warden, stream);
  const auto in_flight = std::make_shared<InFlight>(budget, nullptr, 100, ticket.id());

  InFlight::Hold* const hold = in_flight->Take(80, 2);
  ASSERT_NE(hold, nullptr);
  EXPECT_EQ(in_flight->Take(40, 1), nullptr);
  EXPECT_TRUE(in_flight->waits_for_reader());
  EXPECT_FALSE(in_flight->Drained());
  InFlight::Hold::Release(hold);
  EXPECT_EQ(budget->bytes(), 80u);
  InFlight::Hold::Release(hold);
  EXPECT_EQ(budget->bytes(), 0u);
  EXPECT_TRUE(stream.WaitForTurn());
  EXPECT_TRUE(in_flight->Drained());
}

TEST(InFlightTest, AStreamWaitsForOthersAtTheTotalBound) {
  const auto warden = std::make_shared<StreamWarden>(10'000, Clock::System());
  const auto budget = std::make_shared<ByteBudget>(100, warden);
  FakeStream first;
  FakeStream second;
  StreamWarden::Ticket first_ticket(warden, first);
  StreamWarden::Ticket second_ticket(warden, second);
  const auto one = std::make_shared<InFlight>(budget, nullptr, 1000, first_ticket.id());
  const auto two = std::make_shared<InFlight>(budget, nullptr, 1000, second_ticket.id());

  InFlight::Hold* const hold = one->Take(150, 1);  // more than the bound, but alone
  ASSERT_NE(hold, nullptr);
  EXPECT_EQ(two->Take(1, 1), nullptr);
  EXPECT_FALSE(two->waits_for_reader());
  InFlight::Hold::Release(hold);
  EXPECT_TRUE(second.WaitForTurn());
  InFlight::Hold* const mine = two->Take(1, 1);
  ASSERT_NE(mine, nullptr);
  InFlight::Hold::Release(mine);
}

}  // namespace
}  // namespace stillframe
