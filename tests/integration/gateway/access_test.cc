// Who may do what, over real sockets: mutual TLS with certificates that the test makes, and users
// behind unix sockets.
#include <openssl/ssl.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/uuid.h"
#include "integration/gateway/gateway_fixture.h"
#include "pki/pki_directory.h"
#include "stillframe/v1/access_service.grpc.pb.h"
#include "stillframe/v1/host_service.grpc.pb.h"

namespace stillframe {
namespace {

constexpr char kMonitor[] = "spiffe://example.org/monitor/m1";
constexpr char kOther[] = "mon2.example.org";

std::string FileText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class AccessTest : public GatewayFixture {
 protected:
  AccessTest() {
    const auto pki = PkiDirectory::Open(directory_ + "/pki");
    EXPECT_TRUE(pki.ok()) << pki.status();
    EXPECT_TRUE(pki->IssueGateway({"127.0.0.1"}).ok());
    EXPECT_TRUE(pki->IssueClient(kMonitor).ok());
    EXPECT_TRUE(pki->IssueClient(kOther).ok());
    options_.tls.certificate = pki->PathOf("gateway.pem");
    options_.tls.key = pki->PathOf("gateway-key.pem");
    options_.tls.client_ca = pki->PathOf("ca.pem");
    options_.tls.crl = pki->PathOf("crl.pem");
    options_.audit.file = directory_ + "/audit.jsonl";
    options_.policy = AccessPolicy({}, {});
  }

  static Grant GrantOf(const std::string& principal, const std::string& guest,
                       std::initializer_list<Right> rights) {
    Grant grant{{principal}, {guest}, {}};
    for (const Right right : rights) grant.rights.Add(right);
    return grant;
  }

  void Allow(std::vector<Grant> grants, std::vector<QuotaRule> quotas = {}) {
    options_.policy = AccessPolicy(std::move(grants), std::move(quotas));
    if (gateway_ != nullptr) gateway_->SetPolicy(options_.policy);
  }

  // Talks over TLS with the certificate of that name (empty: none) from now on.
  void DialAs(const std::string& name) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = FileText(directory_ + "/pki/ca.pem");
    if (!name.empty()) {
      options.pem_cert_chain = FileText(directory_ + "/pki/" + name + ".pem");
      options.pem_private_key = FileText(directory_ + "/pki/" + name + "-key.pem");
    }
    DialWith(1, grpc::SslCredentials(options));
  }

  void StartServed() {
    daemon_ = MakeDaemon();
    StartGateway();
    daemon_->Publish({1, 2});
    // The gateway's own view of the daemon, whoever may see what.
    ASSERT_TRUE(Eventually([this] {
      Allow({GrantOf("dns:*", "*", {Right::kList}), GrantOf("spiffe://*", "*", {Right::kList})});
      DialAs("m1");
      return ListGuests().ok();
    }));
  }

  grpc::Status ListGuests() {
    grpc::ClientContext call;
    v1::ListGuestsResponse response;
    const grpc::Status status = guests_->ListGuests(&call, {}, &response);
    guests_seen_ = response.guests_size();
    return status;
  }

  grpc::Status GetGuest(const std::string& name) {
    v1::Guest guest;
    return GatewayFixture::GetGuest(name, guest);
  }

  grpc::Status ReadAll(const std::string& guest = "web1") {
    v1::ReadPagesRequest request;
    *request.mutable_snapshot() = Select();
    request.mutable_snapshot()->set_guest(guest);
    return Read(request).status;
  }

  grpc::Status Capture() {
    grpc::ClientContext call;
    v1::CaptureSnapshotRequest request;
    request.set_guest("web1");
    v1::CaptureSnapshotResponse response;
    return snapshots_->CaptureSnapshot(&call, request, &response);
  }

  grpc::Status Pin(v1::Pin& pin) { return CreatePin(0, pin); }

  v1::Access WhoAmI() {
    grpc::ClientContext call;
    v1::WhoAmIResponse response;
    const auto stub = v1::AccessService::NewStub(channel_);
    const grpc::Status status = stub->WhoAmI(&call, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.access();
  }

  // The records so far, once there are `count` of them with that method.
  std::vector<nlohmann::json> AuditOf(const std::string& method, std::size_t count) {
    std::vector<nlohmann::json> records;
    EXPECT_TRUE(Eventually([&] {
      records.clear();
      std::ifstream file(options_.audit.file);
      for (std::string line; std::getline(file, line);) {
        const auto record = nlohmann::json::parse(line, nullptr, false);
        if (!record.is_discarded() && record["method"] == method) records.push_back(record);
      }
      return records.size() >= count;
    })) << records.size();
    return records;
  }

  int guests_seen_ = 0;
};

TEST_F(AccessTest, CallersAreWhoTheirCertificatesSay) {
  StartServed();
  EXPECT_EQ(WhoAmI().principal(), kMonitor);
  DialAs("mon2.example.org");
  EXPECT_EQ(WhoAmI().principal(), std::string("dns:") + kOther);
  DialAs("");
  EXPECT_EQ(ListGuests().error_code(), grpc::StatusCode::UNAVAILABLE);  // no handshake
}

TEST_F(AccessTest, UsersBehindUnixSocketsAreKnownByNumberNameAndGroup) {
  StartServed();
  Dial(0);
  const v1::Access access = WhoAmI();
  std::vector<std::string> names = {access.principal()};
  names.insert(names.end(), access.aliases().begin(), access.aliases().end());
  EXPECT_NE(std::find(names.begin(), names.end(), "user:" + std::to_string(geteuid())),
            names.end());
  EXPECT_NE(std::find(names.begin(), names.end(), "group:" + std::to_string(getegid())),
            names.end());
  EXPECT_EQ(access.peer(),
            "unix:pid=" + std::to_string(getpid()) + ",uid=" + std::to_string(geteuid()));
  EXPECT_EQ(ListGuests().error_code(), grpc::StatusCode::PERMISSION_DENIED);
  Allow({GrantOf("user:" + std::to_string(geteuid()), "*", {Right::kRead})});
  EXPECT_TRUE(ReadAll().ok());
}

TEST_F(AccessTest, WhomNoGrantNamesGetsNothingButItsName) {
  StartServed();
  Allow({GrantOf("dns:somebody.else", "*", {Right::kRead})});
  const grpc::Status refused = ListGuests();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(InfoOf(refused).reason(), "NOTHING_GRANTED");
  EXPECT_EQ(ReadAll().error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(WhoAmI().grants_size(), 0);
}

TEST_F(AccessTest, AGuestThatMayNotBeListedDoesNotExist) {
  StartServed();
  Allow({GrantOf(kMonitor, "al*", {Right::kRead, Right::kCapture, Right::kPin})});
  EXPECT_TRUE(ListGuests().ok());
  EXPECT_EQ(guests_seen_, 1);
  for (const std::string& name : {std::string("web1"), daemon_->uuid()}) {
    const grpc::Status hidden = GetGuest(name);
    EXPECT_EQ(hidden.error_code(), grpc::StatusCode::NOT_FOUND);
    EXPECT_EQ(InfoOf(hidden).reason(), "GUEST_NOT_FOUND");
    EXPECT_EQ(hidden.error_message(), "no guest is called \"" + name + "\"");
    EXPECT_EQ(InfoOf(ReadAll(name)).reason(), "GUEST_NOT_FOUND");
  }
  EXPECT_EQ(GetGuest("nosuch").error_message(), "no guest is called \"nosuch\"");
  EXPECT_EQ(InfoOf(Capture()).reason(), "GUEST_NOT_FOUND");
  v1::Pin pin;
  EXPECT_EQ(InfoOf(Pin(pin)).reason(), "GUEST_NOT_FOUND");
  // A generation that is evicted or not taken yet would tell as much.
  v1::ReadPagesRequest request;
  *request.mutable_snapshot() = Select(4711);
  EXPECT_EQ(InfoOf(Read(request).status).reason(), "GUEST_NOT_FOUND");
}

TEST_F(AccessTest, SumsOverAllGuestsAreForWhoMayListThemAll) {
  StartServed();
  const auto stub = v1::HostService::NewStub(channel_);
  const auto host = [&] {
    grpc::ClientContext call;
    v1::GetHostResponse response;
    const grpc::Status status = stub->GetHost(&call, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.host();
  };
  Allow({GrantOf(kMonitor, "*", {Right::kList})});
  EXPECT_GE(host().daemon().connections(), 1u);
  Allow({GrantOf(kMonitor, "al*", {Right::kRead})});
  EXPECT_EQ(host().daemon().connections(), 0u);
  EXPECT_NE(host().gateway().version(), "");
}

// Else the answer to a shared name would tell of the guest that may not be listed.
TEST_F(AccessTest, NamesMeanWhatTheCallerMaySee) {
  StartServed();
  Allow({GrantOf(kMonitor, "twin", {Right::kList})});
  EXPECT_EQ(InfoOf(GetGuest("twin")).reason(), "GUEST_NAME_AMBIGUOUS");
  Allow({GrantOf(kMonitor, Uuid::OfName("2").ToString(), {Right::kList})});
  EXPECT_TRUE(GetGuest("twin").ok());
}

TEST_F(AccessTest, EachRightIsNeededForWhatItNames) {
  StartServed();
  Allow({GrantOf(kMonitor, "web1", {Right::kList})});
  EXPECT_TRUE(GetGuest("web1").ok());
  v1::Pin pin;
  for (const grpc::Status& refused : {ReadAll(), Capture(), Pin(pin)}) {
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
    EXPECT_EQ(InfoOf(refused).reason(), "RIGHT_MISSING");
  }
  Allow({GrantOf(kMonitor, daemon_->uuid(), {Right::kRead})});
  EXPECT_TRUE(ReadAll().ok());
  EXPECT_EQ(InfoOf(Pin(pin)).metadata().at("right"), "pin");
  Allow({GrantOf(kMonitor, "w?b1", {Right::kPin})});
  EXPECT_TRUE(Pin(pin).ok());
  EXPECT_FALSE(ReadAll().ok());
}

TEST_F(AccessTest, PinsAreTheirMakersAloneUnlessAnAdministratorComes) {
  StartServed();
  Allow({GrantOf("spiffe://*", "*", {Right::kPin}), GrantOf("dns:*", "*", {Right::kPin})});
  v1::Pin pin;
  ASSERT_TRUE(Pin(pin).ok());
  DialAs("mon2.example.org");
  EXPECT_EQ(InfoOf(ReleasePin(pin.id())).reason(), "PIN_NOT_FOUND");
  Allow({GrantOf("spiffe://*", "*", {Right::kPin}), GrantOf("dns:*", "*", {Right::kAdmin})});
  EXPECT_TRUE(ReleasePin(pin.id()).ok());
}

TEST_F(AccessTest, ANewPolicyEndsOpenStreamsAndPins) {
  StartServed();
  Allow({GrantOf(kMonitor, "*", {Right::kRead, Right::kPin})});
  v1::Pin pin;
  ASSERT_TRUE(Pin(pin).ok());
  grpc::ClientContext call;
  v1::HoldPinRequest request;
  *request.mutable_snapshot() = Select();
  const auto held = pins_->HoldPin(&call, request);
  v1::HoldPinResponse response;
  ASSERT_TRUE(held->Read(&response));
  EXPECT_EQ(gateway_->statistics().pins, 1u);
  Allow({GrantOf(kMonitor, "*", {Right::kList})});
  EXPECT_FALSE(held->Read(&response));
  EXPECT_EQ(InfoOf(held->Finish()).reason(), "RIGHT_MISSING");
  EXPECT_EQ(gateway_->statistics().pins, 0u);
}

TEST_F(AccessTest, ARevokedCertificateEndsWhatItsConnectionMayDo) {
  StartServed();
  Allow({GrantOf(kMonitor, "*", {Right::kRead})});
  grpc::ClientContext call;
  const auto watch = snapshots_->WatchSnapshots(&call, {});
  v1::WatchSnapshotsResponse response;
  ASSERT_TRUE(watch->Read(&response));
  const auto pki = PkiDirectory::Open(directory_ + "/pki");
  ASSERT_TRUE(pki->Revoke("m1").ok());
  ASSERT_TRUE(gateway_->ReloadCertificates().ok());
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  const grpc::Status refused = ReadAll();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(InfoOf(refused).reason(), "IDENTITY_INVALID");
}

TEST_F(AccessTest, AReloadedCertificateIsShownFromTheNextHandshakeOn) {
  StartServed();
  const auto pki = PkiDirectory::Open(directory_ + "/pki");
  ASSERT_TRUE(pki->IssueGateway({"not.this.host"}).ok());
  ASSERT_TRUE(gateway_->ReloadCertificates().ok());
  EXPECT_TRUE(ListGuests().ok());  // over the connection that stands
  DialAs("m1");
  EXPECT_EQ(ListGuests().error_code(), grpc::StatusCode::UNAVAILABLE);
  std::filesystem::remove(options_.tls.key);
  EXPECT_FALSE(gateway_->ReloadCertificates().ok());
}

// What was negotiated with an OpenSSL client that speaks at most that version; empty: nothing.
std::string Negotiate(const std::string& address, int version_max) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  SSL_CTX_set_max_proto_version(context.get(), version_max);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new_ssl_connect(context.get()),
                                                          BIO_free_all);
  BIO_set_conn_hostname(bio.get(), address.c_str());
  SSL* ssl = nullptr;
  BIO_get_ssl(bio.get(), &ssl);
  return BIO_do_handshake(bio.get()) == 1 ? SSL_get_version(ssl) : "";
}

TEST_F(AccessTest, NothingOlderThanTls13IsSpoken) {
  StartGateway();
  EXPECT_EQ(Negotiate(gateway_->addresses()[1], TLS1_2_VERSION), "");
  EXPECT_EQ(Negotiate(gateway_->addresses()[1], TLS1_3_VERSION), "TLSv1.3");
}

TEST_F(AccessTest, QuotasRefuseOnePrincipalAndNameThemselves) {
  StartServed();
  QuotaRule rule{{kMonitor}, {}};
  rule.limits = {.streams_max = 1,
                 .inflight_bytes_max = 0,
                 .pins_max = 1,
                 .pinned_bytes_max = 0,
                 .captures_per_minute_max = 2,
                 .request_bytes_max = 4096};
  Grant everything = GrantOf("*", "*", {Right::kRead, Right::kPin, Right::kCapture});
  Allow({everything}, {rule});

  v1::Pin pin;
  ASSERT_TRUE(Pin(pin).ok());
  EXPECT_EQ(InfoOf(Pin(pin)).metadata().at("limit"), "quota.pins_max");
  EXPECT_EQ(InfoOf(ReadAll()).metadata().at("limit"), "quota.request_bytes_max");

  grpc::ClientContext watch_call;
  const auto watch = snapshots_->WatchSnapshots(&watch_call, {});
  v1::WatchSnapshotsResponse response;
  ASSERT_TRUE(watch->Read(&response));
  const grpc::Status second_stream = ReadAll();
  EXPECT_EQ(second_stream.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(InfoOf(second_stream).metadata().at("limit"), "quota.streams_max");
  watch_call.TryCancel();
  watch->Finish();
  ASSERT_TRUE(Eventually([this] { return gateway_->statistics().streams == 0; }));

  // The stand-in for the daemon fails every capture: they count all the same.
  Capture();
  Capture();
  const grpc::Status third = Capture();
  EXPECT_EQ(third.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(third.error_details()));
  google::rpc::RetryInfo retry;
  for (const auto& detail : details.details()) detail.UnpackTo(&retry);
  EXPECT_GT(retry.retry_delay().seconds(), 0);
  EXPECT_LE(retry.retry_delay().seconds(), 31);

  DialAs("mon2.example.org");
  EXPECT_TRUE(ReadAll().ok());
  EXPECT_TRUE(Pin(pin).ok());
}

TEST_F(AccessTest, WhoMakesOneCallAfterTheOtherNeedsOnePlace) {
  StartServed();
  QuotaRule rule{{kMonitor}, {}};
  rule.limits.streams_max = 1;
  Allow({GrantOf("*", "*", {Right::kRead, Right::kCapture})}, {rule});
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(ReadAll().ok()) << i;
    ASSERT_NE(Capture().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << i;
  }
}

TEST_F(AccessTest, EveryCallIsRecordedWithWhatItDid) {
  StartServed();
  Allow({GrantOf(kMonitor, "*", {Right::kRead})});
  v1::ReadPagesRequest request;
  *request.mutable_snapshot() = Select();
  v1::PageRange& range = *request.add_ranges();
  range.set_first_gfn(1);
  range.set_page_count(3);
  ASSERT_TRUE(Read(request).status.ok());
  v1::Pin pin;
  EXPECT_FALSE(Pin(pin).ok());

  const nlohmann::json read = AuditOf("MemoryService/ReadPages", 1).back();
  EXPECT_EQ(read["principal"], kMonitor);
  EXPECT_EQ(read["guest"], "web1");
  EXPECT_EQ(read["guest_uuid"], daemon_->uuid());
  EXPECT_EQ(read["epoch"], daemon_->epoch());
  EXPECT_EQ(read["generation"], 1);
  EXPECT_EQ(read["ranges"], "0x1+3");
  EXPECT_EQ(read["bytes"], 2 * kPageBytes);  // one of the three is zero
  EXPECT_EQ(read["code"], "OK");
  const nlohmann::json refused = AuditOf("PinService/CreatePin", 1).back();
  EXPECT_EQ(refused["code"], "PERMISSION_DENIED");
  EXPECT_EQ(refused["reason"], "RIGHT_MISSING");
  EXPECT_EQ(refused["guest"], "web1");
}

TEST_F(AccessTest, RegistersAreForReaders) {
  StartServed();
  Allow({GrantOf(kMonitor, "*", {Right::kPin})});
  v1::Pin pin;
  ASSERT_TRUE(Pin(pin).ok());
  EXPECT_EQ(pin.snapshot().vcpus_size(), 0);
  Allow({GrantOf(kMonitor, "*", {Right::kPin, Right::kRead})});
  ASSERT_TRUE(Pin(pin).ok());
  EXPECT_GT(pin.snapshot().vcpus_size(), 0);
}

}  // namespace
}  // namespace stillframe
