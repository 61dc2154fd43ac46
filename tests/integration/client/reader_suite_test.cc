#include "reader_suite.h"

#include <algorithm>
#include <cstring>

#include "base/reason.h"
#include "support/eventually.h"

namespace stillframe::testing {
namespace {

constexpr std::size_t kPages = 3000;

FakeImage Image(char salt) {
  FakeImage image;
  for (std::size_t i = 0; i < kPages; ++i) {
    if (i % 700 > 600) {
      image.push_back({v1::PAGE_STATUS_ZERO, ""});
    } else if (i >= 1000 && i < 1010) {
      image.push_back({v1::PAGE_STATUS_ABSENT_HOLE, ""});
    } else if (i >= 1010 && i < 1013) {
      image.push_back({v1::PAGE_STATUS_ABSENT_MMIO, ""});
    } else {
      FakePage page = PageOf(static_cast<char>(i % 100 == 7 ? salt : 'x'));
      std::memcpy(page.bytes.data(), &i, sizeof(i));
      image.push_back(std::move(page));
    }
  }
  return image;
}

// What a reader delivers, page by page.
absl::StatusOr<FakeImage> ReadAll(SnapshotReader& reader, std::span<const GfnRange> ranges,
                                  EmptyRuns empty) {
  FakeImage pages;
  const absl::Status status = reader.ReadPages(ranges, empty, [&pages](const PageRun& run) {
    for (std::uint64_t i = 0; i < run.range.pages; ++i) {
      FakePage page{run.status, ""};
      if (!run.bytes.empty()) {
        page.bytes.assign(reinterpret_cast<const char*>(run.bytes.data()) + i * kPageBytes,
                          kPageBytes);
      }
      pages.push_back(std::move(page));
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return pages;
}

class ReaderSuiteTest : public ReaderSuite {
 protected:
  ReaderSuiteTest() : backend_(GetParam().make()) {
    backend_->Publish(Image('1'));
    backend_->Publish(Image('2'));
    auto connection = Connection::Open(backend_->target());
    EXPECT_TRUE(connection.ok()) << connection.status();
    connection_ = *std::move(connection);
  }

  std::unique_ptr<SnapshotReader> Open(std::uint64_t generation) {
    auto reader = connection_->OpenSnapshot(Select("web1", generation));
    EXPECT_TRUE(reader.ok()) << reader.status();
    return *std::move(reader);
  }

  std::unique_ptr<ReaderBackend> backend_;
  std::unique_ptr<Connection> connection_;
};

TEST_P(ReaderSuiteTest, ReadsEveryPageWithItsStatus) {
  const auto reader = Open(1);
  EXPECT_EQ(reader->metadata().generation(), 1u);
  EXPECT_EQ(reader->metadata().page_count(), kPages);
  const auto pages = ReadAll(*reader, {}, EmptyRuns::kReport);
  ASSERT_TRUE(pages.ok()) << pages.status();
  EXPECT_TRUE(*pages == Image('1'));
}

TEST_P(ReaderSuiteTest, RangesComeInTheOrderAskedForAndMayOverlap) {
  const auto reader = Open(0);
  const FakeImage image = Image('2');
  const std::vector<GfnRange> ranges = {{Gfn{2990}, 10}, {Gfn{0}, 3}, {Gfn{1}, 1}};
  const auto pages = ReadAll(*reader, ranges, EmptyRuns::kReport);
  ASSERT_TRUE(pages.ok()) << pages.status();
  FakeImage expected(image.end() - 10, image.end());
  for (const std::size_t i : {0, 1, 2, 1}) expected.push_back(image[i]);
  EXPECT_TRUE(*pages == expected);
}

TEST_P(ReaderSuiteTest, SkippingLeavesOutZeroAndAbsentRuns) {
  FakeImage expected = Image('1');
  std::erase_if(expected,
                [](const FakePage& page) { return page.status != v1::PAGE_STATUS_PRESENT; });
  const auto pages = ReadAll(*Open(1), {}, EmptyRuns::kSkip);
  ASSERT_TRUE(pages.ok()) << pages.status();
  EXPECT_TRUE(*pages == expected);
}

TEST_P(ReaderSuiteTest, PastTheEndIsOutOfRange) {
  const auto reader = Open(1);
  for (const GfnRange& range : {GfnRange{Gfn{kPages - 1}, 2}, GfnRange{Gfn{~0ull >> 12}, 1}}) {
    const auto pages = ReadAll(*reader, {&range, 1}, EmptyRuns::kReport);
    EXPECT_TRUE(absl::IsOutOfRange(pages.status())) << pages.status();
    EXPECT_EQ(ReasonOf(pages.status()).name, "RANGE_PAST_END");
  }
}

TEST_P(ReaderSuiteTest, ASinksErrorEndsTheRead) {
  const auto reader = Open(1);
  EXPECT_TRUE(
      absl::IsResourceExhausted(reader->ReadPages({}, EmptyRuns::kReport, [](const PageRun&) {
        return absl::ResourceExhaustedError("enough");
      })));
  EXPECT_TRUE(ReadAll(*reader, {}, EmptyRuns::kReport).ok());
}

TEST_P(ReaderSuiteTest, AStopRequestEndsTheRead) {
  std::stop_source stop;
  const absl::Status status = Open(1)->ReadPages(
      {}, EmptyRuns::kReport,
      [&stop](const PageRun&) {
        stop.request_stop();
        return absl::OkStatus();
      },
      stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST_P(ReaderSuiteTest, ScatterReadsCrossPagesAndStopAtAbsentOnes) {
  const auto reader = Open(1);
  std::vector<std::byte> across(8);
  std::vector<std::byte> zeros(16, std::byte{1});
  std::vector<std::byte> into_hole(100);
  std::vector<ScatterRead> reads = {{5 * kPageBytes - 4, across},
                                    {610 * kPageBytes + 7, zeros},
                                    {1000 * kPageBytes - 30, into_hole}};
  ASSERT_TRUE(reader->ReadScatter(reads).ok());
  EXPECT_EQ(reads[0].copied, 8u);
  EXPECT_EQ(across[3], std::byte{'x'});
  EXPECT_EQ(across[4], std::byte{5});
  EXPECT_EQ(reads[1].status, v1::PAGE_STATUS_PRESENT);
  EXPECT_EQ(zeros, std::vector<std::byte>(16));
  EXPECT_EQ(reads[2].copied, 30u);
  EXPECT_EQ(reads[2].status, v1::PAGE_STATUS_ABSENT_HOLE);
  EXPECT_EQ(ReasonOf(reader->ReadAt(1011 * kPageBytes, across)).metadata["kind"], "mmio");
}

TEST_P(ReaderSuiteTest, ScatterReadsLongerThanABatchAreWhole) {
  const auto reader = Open(1);
  std::vector<std::byte> bytes(600 * kPageBytes * 1);
  ASSERT_TRUE(reader->ReadAt(0, bytes).ok());
  for (std::size_t i = 0; i < 600; ++i) {
    std::size_t stamp = 0;
    std::memcpy(&stamp, bytes.data() + i * kPageBytes, sizeof(stamp));
    ASSERT_EQ(stamp, i);
  }
}

TEST_P(ReaderSuiteTest, AFlatViewIsTheGuestsMemoryAndOutlivesItsReader) {
  const FakeImage image = Image('1');
  const auto flat = Open(1)->OpenFlat();
  ASSERT_TRUE(flat.ok()) << flat.status();
  const std::span<const std::byte> bytes = (*flat)->bytes();
  ASSERT_EQ(bytes.size(), kPages * kPageBytes);
  const std::string zeros(kPageBytes, '\0');
  for (std::size_t i = 0; i < kPages; ++i) {
    const v1::PageStatus status = image[i].status;
    if (status != v1::PAGE_STATUS_PRESENT && status != v1::PAGE_STATUS_ZERO) continue;
    const std::string& expected = status == v1::PAGE_STATUS_PRESENT ? image[i].bytes : zeros;
    ASSERT_EQ(std::memcmp(bytes.data() + i * kPageBytes, expected.data(), kPageBytes), 0) << i;
  }
  EXPECT_TRUE((*flat)->CheckHeld().ok());
}

TEST_P(ReaderSuiteTest, AnAbsentPageOfAFlatViewIsAFault) {
  const auto flat = Open(1)->OpenFlat();
  ASSERT_TRUE(flat.ok()) << flat.status();
  const auto* hole =
      reinterpret_cast<const volatile char*>((*flat)->bytes().data()) + 1005 * kPageBytes;
  EXPECT_DEATH(static_cast<void>(*hole), "");
}

TEST_P(ReaderSuiteTest, AllocatedExtentsCoverEveryPageOnce) {
  const FakeImage image = Image('1');
  std::uint64_t next = 0;
  const absl::Status status =
      Open(1)->ForEachAllocatedExtent([&](GfnRange extent, v1::PageStatus page_status) {
        EXPECT_EQ(extent.first.value, next);
        for (; next < extent.end().value; ++next) EXPECT_EQ(image[next].status, page_status);
        return absl::OkStatus();
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(next, kPages);
}

TEST_P(ReaderSuiteTest, ChangedExtentsNameExactlyThePagesThatDiffer) {
  const FakeImage before = Image('1');
  const FakeImage after = Image('2');
  std::vector<std::uint64_t> changed;
  const auto reader = Open(2);
  ASSERT_TRUE(reader
                  ->ForEachChangedExtent(Generation{1}, 0,
                                         [&](GfnRange extent) {
                                           for (auto i = extent.first; i < extent.end();
                                                i = i + 1) {
                                             changed.push_back(i.value);
                                           }
                                           return absl::OkStatus();
                                         })
                  .ok());
  std::vector<std::uint64_t> expected;
  for (std::uint64_t i = 0; i < kPages; ++i) {
    if (!(before[i] == after[i])) expected.push_back(i);
  }
  EXPECT_EQ(changed, expected);
  std::size_t joined = 0;
  ASSERT_TRUE(reader
                  ->ForEachChangedExtent(Generation{1}, kPages,
                                         [&joined](GfnRange) {
                                           ++joined;
                                           return absl::OkStatus();
                                         })
                  .ok());
  EXPECT_EQ(joined, 1u);
}

TEST_P(ReaderSuiteTest, MachineFramesAreThoseOfTheGeneration) {
  std::vector<std::uint64_t> frames(kPages, kNoMachineFrame);
  for (std::size_t i = 0; i < kPages; i += 2) frames[i] = 0x12345678 - i;
  backend_->SetMachineFrames(frames);
  backend_->Publish(Image('3'));
  const auto reader = Open(3);
  EXPECT_EQ(reader->metadata().frame_space(), v1::Snapshot::FRAME_SPACE_MACHINE);
  const auto read = reader->MachineFrames();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == frames);

  const auto before = Open(2);
  EXPECT_EQ(before->metadata().frame_space(), v1::Snapshot::FRAME_SPACE_GUEST);
  const absl::Status none = before->MachineFrames().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(none)) << none;
  EXPECT_EQ(ReasonOf(none).name, "NO_MACHINE_FRAMES");
}

TEST_P(ReaderSuiteTest, ThePinGoesWithTheReader) {
  auto reader = Open(1);
  EXPECT_TRUE(Eventually([this] { return backend_->pins() == 1; }));
  reader.reset();
  EXPECT_TRUE(Eventually([this] { return backend_->pins() == 0; }));
}

TEST_P(ReaderSuiteTest, AGenerationThatIsGoneSaysWhichIsTheOldest) {
  backend_->EvictFirst();
  const auto reader = connection_->OpenSnapshot(Select("web1", 1));
  EXPECT_TRUE(absl::IsOutOfRange(reader.status())) << reader.status();
  EXPECT_EQ(ReasonOf(reader.status()).name, "GENERATION_EVICTED");
  EXPECT_EQ(ReasonOf(reader.status()).metadata["oldest_generation"], "2");
  EXPECT_EQ(ReasonOf(connection_->OpenSnapshot(Select("web1", 9)).status()).name,
            "GENERATION_NOT_YET");
}

TEST_P(ReaderSuiteTest, AWatchReplaysAndFollows) {
  WatchOptions options;
  options.guest = "web1";
  options.from_generation = 2;
  std::stop_source stop;
  const auto watch = connection_->Watch(options, stop.get_token());
  ASSERT_TRUE(watch.ok()) << watch.status();
  EXPECT_EQ((*watch)->Next()->published().generation(), 2u);
  backend_->Publish(Image('3'));
  EXPECT_EQ((*watch)->Next()->published().generation(), 3u);
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled((*watch)->Next().status()));
}

INSTANTIATE_TEST_SUITE_P(Access, ReaderSuiteTest,
                         ::testing::Values(ReaderCase{"grpc", MakeGrpcBackend},
                                           ReaderCase{"local", MakeLocalBackend}),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace stillframe::testing
