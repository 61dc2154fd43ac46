#include "guest/xen/gfn_probe.h"

#include "gtest/gtest.h"
#include "guest/xen/xen_c.h"

namespace stillframe {
namespace {

// What Xen would answer about a guest's frames.
class FakeFrames {
 public:
  explicit FakeFrames(std::uint64_t gfns) : present_(gfns) {}

  TypeSource source() {
    return [this](std::span<std::uint64_t> gfns) {
      asked_ += gfns.size();
      for (std::uint64_t& gfn : gfns) {
        gfn |= present_.Test(Gfn{gfn}) ? XEN_DOMCTL_PFINFO_NOTAB : XEN_DOMCTL_PFINFO_XTAB;
      }
      return error_;
    };
  }

  PageBitmap present_;
  std::uint64_t asked_ = 0;
  absl::Status error_;
};

constexpr std::uint64_t kGfns = 0x100000;
const PageBitmap kNothing;

FakeFrames SmallPvhGuest() {
  FakeFrames frames(kGfns);
  frames.present_.SetRange({Gfn{0}, 0x6000});
  frames.present_.SetRange({Gfn{0xfeff0}, 16});
  return frames;
}

TEST(GfnProbeTest, FindsRamAndSpecialPagesWithoutAskingAboutTheHole) {
  FakeFrames frames = SmallPvhGuest();
  GfnProbe probe(frames.source());
  const auto present = probe.FindPresent(kGfns, 0x6010, kNothing);
  ASSERT_TRUE(present.ok()) << present.status();
  EXPECT_EQ(present->Count(), 0x6010u);
  EXPECT_TRUE(present->Test(Gfn{0x5fff}));
  EXPECT_TRUE(present->Test(Gfn{0xfefff}));
  EXPECT_LT(frames.asked_, kGfns / 8);
}

TEST(GfnProbeTest, PagesWithoutANumberAreLookedForOnce) {
  FakeFrames frames = SmallPvhGuest();
  GfnProbe probe(frames.source());
  ASSERT_TRUE(probe.FindPresent(kGfns, 0x6010 + 3, kNothing).ok());
  EXPECT_GE(frames.asked_, kGfns);
  frames.asked_ = 0;
  const auto present = probe.FindPresent(kGfns, 0x6010 + 3, kNothing);
  ASSERT_TRUE(present.ok());
  EXPECT_EQ(present->Count(), 0x6010u);
  EXPECT_EQ(frames.asked_, 0x6010u);
}

TEST(GfnProbeTest, PagesGivenAwayWhileMappedStartNoSearch) {
  FakeFrames frames = SmallPvhGuest();
  GfnProbe probe(frames.source());
  const auto before = probe.FindPresent(kGfns, 0x6010, kNothing);
  ASSERT_TRUE(before.ok());
  frames.present_.ClearRange({Gfn{0x1000}, 64});
  frames.asked_ = 0;
  const auto after = probe.FindPresent(kGfns, 0x6010, *before);
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->Count(), 0x6010u - 64);
  EXPECT_EQ(frames.asked_, 0x6010u);
  EXPECT_TRUE(probe.known().Test(Gfn{0x1000}));
}

TEST(GfnProbeTest, MemoryPluggedElsewhereIsFound) {
  FakeFrames frames = SmallPvhGuest();
  GfnProbe probe(frames.source());
  const auto before = probe.FindPresent(kGfns, 0x6010, kNothing);
  ASSERT_TRUE(before.ok());
  frames.present_.SetRange({Gfn{0x80000}, 32});
  const auto after = probe.FindPresent(kGfns, 0x6010 + 32, *before);
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->Count(), 0x6010u + 32);
}

TEST(GfnProbeTest, AGuestThatEndsBelowTheSpecialPagesIsSearched) {
  FakeFrames frames(0x2000);
  frames.present_.SetRange({Gfn{0}, 0x1000});
  GfnProbe probe(frames.source());
  const auto present = probe.FindPresent(0x2000, 0x1001, kNothing);
  ASSERT_TRUE(present.ok());
  EXPECT_EQ(present->Count(), 0x1000u);
}

TEST(GfnProbeTest, AuditSeesAMissingPage) {
  FakeFrames frames = SmallPvhGuest();
  GfnProbe probe(frames.source());
  const auto present = probe.FindPresent(kGfns, 0x6010, kNothing);
  ASSERT_TRUE(present.ok());
  EXPECT_TRUE(probe.AllPresent(*present, {Gfn{0}, kGfns}).value());
  frames.present_.Clear(Gfn{0x4321});
  EXPECT_FALSE(probe.AllPresent(*present, {Gfn{0}, kGfns}).value());
  EXPECT_TRUE(probe.AllPresent(*present, {Gfn{0}, 0x4321}).value());
}

TEST(GfnProbeTest, XensErrorIsHandedOn) {
  FakeFrames frames = SmallPvhGuest();
  frames.error_ = absl::NotFoundError("gone");
  GfnProbe probe(frames.source());
  EXPECT_TRUE(absl::IsNotFound(probe.FindPresent(kGfns, 1, kNothing).status()));
}

}  // namespace
}  // namespace stillframe
