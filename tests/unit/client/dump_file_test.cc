#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "dump/dump_output.h"

namespace stillframe::cli {
namespace {

namespace fs = std::filesystem;

class DumpFileTest : public ::testing::Test {
 protected:
  DumpFileTest() {
    std::string name = ::testing::TempDir() + "dump_file_test.XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~DumpFileTest() override { fs::remove_all(folder_); }

  std::size_t Entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  std::string Contents(const std::string& path) const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path folder_;
};

const std::vector<std::byte> kBytes(8192, std::byte{'x'});

TEST_F(DumpFileTest, AppearsWhenFinishedWithModeAndLength) {
  const std::string path = folder_ / "dump";
  auto output = OpenDumpFile(path, Existing::kRefuse);
  ASSERT_TRUE(output.ok());
  ASSERT_TRUE((*output)->Write(1 << 20, kBytes).ok());
  EXPECT_FALSE(fs::exists(path));
  ASSERT_TRUE((*output)->Finish(64 << 20).ok());
  struct stat about {};
  ASSERT_EQ(stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600u);
  EXPECT_EQ(about.st_size, 64 << 20);
  EXPECT_LT(about.st_blocks * 512, 1 << 20) << "zero runs must be holes";
  EXPECT_EQ(Entries(), 1u);
}

TEST_F(DumpFileTest, NothingStaysBehindWithoutFinish) {
  {
    auto output = OpenDumpFile(folder_ / "dump", Existing::kRefuse);
    ASSERT_TRUE((*output)->Write(0, kBytes).ok());
    EXPECT_EQ(Entries(), 1u);
  }
  EXPECT_EQ(Entries(), 0u);
}

TEST_F(DumpFileTest, RefusesToReplaceUnlessAsked) {
  const std::string path = folder_ / "dump";
  std::ofstream(path) << "precious";
  EXPECT_TRUE(absl::IsAlreadyExists(OpenDumpFile(path, Existing::kRefuse).status()));
  auto output = OpenDumpFile(path, Existing::kReplace);
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(Contents(path), "precious");
  ASSERT_TRUE((*output)->Finish(0).ok());
  EXPECT_EQ(Contents(path), "");
}

TEST_F(DumpFileTest, AFileThatAppearedMeanwhileIsNotReplaced) {
  const std::string path = folder_ / "dump";
  {
    auto output = OpenDumpFile(path, Existing::kRefuse);
    ASSERT_TRUE(output.ok());
    std::ofstream(path) << "precious";
    EXPECT_TRUE(absl::IsAlreadyExists((*output)->Finish(0)));
  }
  EXPECT_EQ(Contents(path), "precious");
  EXPECT_EQ(Entries(), 1u);
}

TEST_F(DumpFileTest, AMissingFolderIsAnErrorThatNamesThePath) {
  const auto output = OpenDumpFile(folder_ / "no" / "dump", Existing::kRefuse);
  ASSERT_FALSE(output.ok());
  EXPECT_NE(std::string(output.status().message()).find("no/dump"), std::string::npos);
}

TEST_F(DumpFileTest, AStreamGetsZerosWhereAFileHasHoles) {
  const std::string path = folder_ / "stream";
  FILE* file = fopen(path.c_str(), "w");
  auto output = MakeDumpStream(fileno(file), "stream");
  ASSERT_TRUE(output->Write(100'000, kBytes).ok());
  ASSERT_TRUE(output->Finish(200'000).ok());
  fclose(file);
  EXPECT_EQ(Contents(path), std::string(100'000, '\0') + std::string(8192, 'x') +
                                std::string(200'000 - 108'192, '\0'));
}

}  // namespace
}  // namespace stillframe::cli
