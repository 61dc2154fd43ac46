// What the QEMU backend says about guests before it reads them; nothing boots here.
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "guest/qemu/qemu_hypervisor.h"
#include "support/booted_qemu_test.h"
#include "support/eventually.h"

namespace stillframe {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

QemuSetup Stopped(QemuBacking backing) {
  QemuSetup setup;
  setup.kernel = false;
  setup.memory_mib = 64;
  setup.backing = backing;
  return setup;
}

GuestListing Only(QemuHypervisor& hypervisor) {
  const auto listings = hypervisor.List();
  EXPECT_TRUE(listings.ok()) << listings.status();
  EXPECT_THAT(*listings, SizeIs(1));
  return listings->empty() ? GuestListing() : listings->front();
}

TEST(QemuListingTest, TakesIdentityFromQemu) {
  QemuSetup setup = Stopped(QemuBacking::kMemfd);
  setup.extra = {"-name", "web1", "-uuid", "0f1e2d3c-4b5a-4968-8776-655443322110"};
  START_QEMU(qemu, setup);
  QemuHypervisor hypervisor({.qmp_globs = {qemu->directory() + "/*.qmp"}});
  const GuestListing listing = Only(hypervisor);
  EXPECT_EQ(listing.identity.name, "web1");
  EXPECT_EQ(listing.identity.id.ToString(), "0f1e2d3c-4b5a-4968-8776-655443322110");
  EXPECT_EQ(listing.state, RunState::kPaused);
  EXPECT_TRUE(listing.readable.ok()) << listing.readable;
}

TEST(QemuListingTest, DerivesIdentityFromTheSocketWhereQemuHasNone) {
  START_QEMU(qemu, Stopped(QemuBacking::kFile));
  QemuHypervisor hypervisor({.qmp_globs = {qemu->qmp_path()}});
  const GuestListing listing = Only(hypervisor);
  EXPECT_EQ(listing.identity.name, "guest");
  EXPECT_EQ(listing.identity.id, Uuid::OfName(qemu->qmp_path()));
  EXPECT_TRUE(listing.readable.ok()) << listing.readable;
}

TEST(QemuListingTest, PrivateMemoryIsListedWithWhatToChange) {
  START_QEMU(qemu, Stopped(QemuBacking::kAnonymous));
  QemuHypervisor hypervisor({.qmp_globs = {qemu->qmp_path()}});
  const GuestListing listing = Only(hypervisor);
  EXPECT_TRUE(absl::IsFailedPrecondition(listing.readable)) << listing.readable;
  EXPECT_THAT(MessageOf(listing.readable), HasSubstr("share=on"));
  EXPECT_THAT(MessageOf(listing.readable), HasSubstr("<access mode='shared'/>"));
  EXPECT_TRUE(absl::IsFailedPrecondition(hypervisor.Open(listing.identity.id).status()));
}

TEST(QemuListingTest, AnUnlinkedMemoryFileIsReachedThroughQemusDescriptor) {
  START_QEMU(qemu, Stopped(QemuBacking::kUnlinkedFile));
  QemuHypervisor hypervisor({.qmp_globs = {qemu->qmp_path()}});
  EXPECT_TRUE(Only(hypervisor).readable.ok());
}

TEST(QemuListingTest, SeveralMemoryBackendsMakeOneGuest) {
  QemuSetup setup = Stopped(QemuBacking::kAnonymous);
  setup.vcpus = 2;
  setup.extra = {"-object", "memory-backend-memfd,id=n0,size=32M,share=on",
                 "-object", "memory-backend-memfd,id=n1,size=32M,share=on",
                 "-numa",   "node,nodeid=0,memdev=n0,cpus=0",
                 "-numa",   "node,nodeid=1,memdev=n1,cpus=1"};
  START_QEMU(qemu, setup);
  QemuHypervisor hypervisor({.qmp_globs = {qemu->qmp_path()}});
  auto guest = hypervisor.Open(Only(hypervisor).identity.id);
  ASSERT_TRUE(guest.ok()) << guest.status();
  const auto view = (*guest)->Refresh();
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ((*view)->map.KindOf(Gfn{0x2000 - 1}), RegionKind::kRam);
  EXPECT_EQ((*view)->map.KindOf(Gfn{0x2000}), RegionKind::kRam);
  EXPECT_EQ((*view)->map.page_count(), 0x4000u);
  EXPECT_NE((*view)->extents.back().at, nullptr);
}

TEST(QemuListingTest, AMonitorInUseIsListedAsBusyAndTakenWhenItBecomesFree) {
  START_QEMU(qemu, Stopped(QemuBacking::kMemfd));
  auto other = QmpConnection::Connect(qemu->qmp_path());
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE((*other)->Negotiate(std::chrono::milliseconds(5000)).ok());
  QemuHypervisor hypervisor({.qmp_globs = {qemu->qmp_path()}});
  EXPECT_THAT(MessageOf(Only(hypervisor).readable), HasSubstr("another client"));
  other->reset();
  EXPECT_TRUE(Eventually([&] { return Only(hypervisor).readable.ok(); }));
}

TEST(QemuListingTest, ASocketThatDoesNotSpeakQmpIsListedWithTheReason) {
  std::string directory = (std::filesystem::temp_directory_path() / "sf-list-XXXXXX").string();
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (directory + "/x.qmp").c_str(), sizeof address.sun_path - 1);
  UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  QemuHypervisor hypervisor({.qmp_globs = {directory + "/*.qmp"}});
  EXPECT_FALSE(Only(hypervisor).readable.ok());
  listener.reset();
  std::filesystem::remove_all(directory);
}

TEST(QemuListingTest, AGuestThatIsGoneIsNotListed) {
  START_QEMU(qemu, Stopped(QemuBacking::kMemfd));
  QemuHypervisor hypervisor({.qmp_globs = {qemu->qmp_path()}});
  const GuestId id = Only(hypervisor).identity.id;
  auto guest = hypervisor.Open(id);
  ASSERT_TRUE(guest.ok()) << guest.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(hypervisor.Open(id).status())) << "it is open already";
  qemu->Kill();
  EXPECT_TRUE(absl::IsNotFound((*guest)->Refresh().status()));
  EXPECT_TRUE(hypervisor.List()->empty());
  EXPECT_TRUE(absl::IsNotFound(hypervisor.Open(id).status()));
}

TEST(QemuListingTest, AClosedGuestCanBeOpenedAgain) {
  START_QEMU(qemu, Stopped(QemuBacking::kMemfd));
  QemuHypervisor hypervisor({.qmp_globs = {qemu->qmp_path()}});
  const GuestId id = Only(hypervisor).identity.id;
  ASSERT_TRUE(hypervisor.Open(id).ok());
  EXPECT_TRUE(Eventually([&] { return hypervisor.Open(id).ok(); }));
}

}  // namespace
}  // namespace stillframe
