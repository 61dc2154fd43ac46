#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "dump/dump_output.h"
#include "dump/dump_plan.h"
#include "dump/dump_writer.h"

namespace stillframe::cli {
namespace {

using ::testing::HasSubstr;

v1::Snapshot TwoVcpus() {
  v1::Snapshot snapshot;
  for (std::uint32_t i = 0; i < 2; ++i) {
    v1::Vcpu& vcpu = *snapshot.add_vcpus();
    vcpu.set_index(i);
    for (std::uint64_t r = 0; r < 16; ++r) vcpu.add_general(0x100 * (i + 1) + r);
    vcpu.set_rip(0xffffffff81000000 + i);
    vcpu.set_cr3(0x1000 * (i + 1));
    vcpu.mutable_cs()->set_selector(0x10);
    vcpu.mutable_cs()->set_attributes(0xa09b);
    if (i == 0) vcpu.set_kernel_gs_base(0xffff888000000000);
  }
  return snapshot;
}

const std::vector<StatusExtent> kExtents = {{{Gfn{0}, 2}, v1::PAGE_STATUS_PRESENT},
                                            {{Gfn{2}, 1}, v1::PAGE_STATUS_ABSENT_HOLE},
                                            {{Gfn{0x100000}, 3}, v1::PAGE_STATUS_PRESENT}};

class ElfDumpTest : public ::testing::Test {
 protected:
  ElfDumpTest() : path_(::testing::TempDir() + "elf_dump_test." + std::to_string(getpid())) {}
  ~ElfDumpTest() override { std::filesystem::remove(path_); }

  void WriteDump() {
    const DumpPlan plan = PlanElf(kExtents, TwoVcpus());
    auto output = OpenDumpFile(path_, Existing::kReplace);
    ASSERT_TRUE(output.ok()) << output.status();
    DumpWriter writer(plan, **output);
    const std::vector<std::byte> a(2 * kPageBytes, std::byte{0xaa});
    const std::vector<std::byte> b(kPageBytes, std::byte{0xbb});
    ASSERT_TRUE(writer.Add({Gfn{0}, 2}, a).ok());
    ASSERT_TRUE(writer.Add({Gfn{0x100002}, 1}, b).ok());
    EXPECT_FALSE(writer.Add({Gfn{2}, 1}, b).ok());
    ASSERT_TRUE(writer.Finish().ok());
    std::ifstream file(path_, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    file_ = text.str();
  }

  template <typename T>
  T At(std::size_t offset) const {
    T value{};
    EXPECT_LE(offset + sizeof(T), file_.size());
    std::memcpy(&value, file_.data() + offset, sizeof(T));
    return value;
  }

  const std::string path_;
  std::string file_;
};

TEST_F(ElfDumpTest, LoadSegmentsHoldThePagesAtTheirPhysicalAddresses) {
  WriteDump();
  const auto header = At<Elf64_Ehdr>(0);
  EXPECT_EQ(header.e_type, ET_CORE);
  EXPECT_EQ(header.e_machine, EM_X86_64);
  ASSERT_EQ(header.e_phnum, 3);
  const auto load = At<Elf64_Phdr>(header.e_phoff + 2 * sizeof(Elf64_Phdr));
  EXPECT_EQ(load.p_type, static_cast<Elf64_Word>(PT_LOAD));
  EXPECT_EQ(load.p_paddr, 0x1'0000'0000u);
  EXPECT_EQ(load.p_vaddr, load.p_paddr);
  EXPECT_EQ(load.p_filesz, 3 * kPageBytes);
  EXPECT_EQ(load.p_memsz, load.p_filesz);
  EXPECT_EQ(file_[load.p_offset], '\0');
  EXPECT_EQ(file_.substr(load.p_offset + 2 * kPageBytes), std::string(kPageBytes, '\xbb'));
}

TEST_F(ElfDumpTest, NotesHoldEveryVcpusRegistersInQemusLayout) {
  WriteDump();
  const auto note = At<Elf64_Phdr>(At<Elf64_Ehdr>(0).e_phoff);
  ASSERT_EQ(note.p_type, static_cast<Elf64_Word>(PT_NOTE));
  std::vector<std::string> names;
  std::size_t at = note.p_offset;
  std::vector<std::size_t> descriptions;
  while (at < note.p_offset + note.p_filesz) {
    const auto entry = At<Elf64_Nhdr>(at);
    names.emplace_back(file_.c_str() + at + sizeof(entry));
    descriptions.push_back(at + sizeof(entry) + 8);
    at += sizeof(entry) + 8 + (entry.n_descsz + 3) / 4 * 4;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"CORE", "CORE", "QEMU", "QEMU"}));
  // prstatus: 112 bytes, then user_regs_struct with rip as the 17th register.
  EXPECT_EQ(At<std::uint64_t>(descriptions[1] + 112 + 16 * 8), 0xffffffff81000001u);
  EXPECT_EQ(At<std::uint64_t>(descriptions[0] + 112 + 10 * 8), 0x100u);  // rax
  const std::size_t qemu = descriptions[2];
  EXPECT_EQ(At<std::uint32_t>(qemu), 1u);
  EXPECT_EQ(At<std::uint32_t>(qemu + 4), 440u);
  EXPECT_EQ(At<std::uint64_t>(qemu + 8 + 16 * 8), 0xffffffff81000000u);
  EXPECT_EQ(At<std::uint32_t>(qemu + 8 + 18 * 8), 0x10u);
  EXPECT_EQ(At<std::uint32_t>(qemu + 8 + 18 * 8 + 8), 0xa09b00u);
  EXPECT_EQ(At<std::uint64_t>(qemu + 8 + 18 * 8 + 10 * 24 + 3 * 8), 0x1000u);  // cr3
  EXPECT_EQ(At<std::uint64_t>(qemu + 432), 0xffff888000000000u);
  // A register that is not known is not there.
  EXPECT_EQ(At<std::uint32_t>(descriptions[3] + 4), 432u);
}

TEST_F(ElfDumpTest, ReadelfUnderstandsIt) {
  if (std::system("command -v readelf >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "readelf (binutils) is not installed";
  }
  WriteDump();
  FILE* readelf = popen(("readelf -hln " + path_ + " 2>&1").c_str(), "r");
  ASSERT_NE(readelf, nullptr);
  std::string text;
  std::array<char, 4096> buffer;
  while (const std::size_t count = fread(buffer.data(), 1, buffer.size(), readelf)) {
    text.append(buffer.data(), count);
  }
  EXPECT_EQ(pclose(readelf), 0);
  EXPECT_THAT(text, HasSubstr("CORE (Core file)"));
  EXPECT_THAT(text, HasSubstr("NT_PRSTATUS"));
  EXPECT_THAT(text, HasSubstr("QEMU"));
  EXPECT_EQ(text.find("Warning"), std::string::npos) << text;
  EXPECT_EQ(text.find("Error"), std::string::npos) << text;
}

TEST(ElfPlanTest, MoreHeadersThanSixteenBitsGoToTheSectionHeader) {
  std::vector<StatusExtent> extents;
  for (std::uint64_t i = 0; i < 70'000; ++i) {
    extents.push_back({{Gfn{2 * i}, 1}, v1::PAGE_STATUS_PRESENT});
    extents.push_back({{Gfn{2 * i + 1}, 1}, v1::PAGE_STATUS_ABSENT_HOLE});
  }
  const DumpPlan plan = PlanElf(extents, {});
  Elf64_Ehdr header;
  Elf64_Shdr section;
  std::memcpy(&header, plan.headers[0].bytes.data(), sizeof(header));
  std::memcpy(&section, plan.headers[0].bytes.data() + header.e_shoff, sizeof(section));
  EXPECT_EQ(header.e_phnum, PN_XNUM);
  EXPECT_EQ(section.sh_info, 70'001u);
  EXPECT_EQ(header.e_phoff, sizeof(header) + sizeof(section));
}

}  // namespace
}  // namespace stillframe::cli
