#include "compiler/calibration/data_set.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "base/digest.h"
#include "base/file.h"
#include "tests/compiler/calibration/builders.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<Member>& SomeMembers() {
  static const auto* const kMembers = new std::vector<Member>{
      {"./sub/", "", S_IFDIR}, {"./sub/b.PNG", "bb"},     {"./a.jpg", "a"},
      {"./c.npy", "cccc"},     {"./README.txt", "text"},  {"./.DS_Store", "x"},
      {"./sub/._b.png", "x"},  {"./.hidden/d.jpg", "dd"}, {"B.jpeg", std::string(300'000, 'B')},
  };
  return *kMembers;
}

std::vector<std::string> Names(const DataSet& set) {
  std::vector<std::string> names;
  for (size_t i = 0; i < set.size(); ++i) names.push_back(set.name(i));
  return names;
}

class ArchiveKindTest : public ::testing::TestWithParam<ArchiveKind> {};

TEST_P(ArchiveKindTest, SamplesAreInNameOrderAndTheRestIsNoted) {
  const TemporaryFolder folder;
  WriteArchive(folder / "set", GetParam(), SomeMembers());
  ASSERT_OK_AND_ASSIGN(const DataSet set, DataSet::Open(folder / "set", {}));
  EXPECT_THAT(Names(set), ElementsAre("B.jpeg", "a.jpg", "c.npy", "sub/b.PNG"));
  EXPECT_THAT(set.notes(), ElementsAre("ignored README.txt: not jpg, png, npy or bin"));
  EXPECT_THAT(set.Read(0), IsOkAndHolds(std::string(300'000, 'B')));
  EXPECT_THAT(set.Read(3), IsOkAndHolds("bb"));
}

std::string KindName(const ::testing::TestParamInfo<ArchiveKind>& test) {
  constexpr const char* kNames[] = {"Tar", "TarGzip", "TarZstd", "Zip"};
  return kNames[static_cast<int>(test.param)];
}

INSTANTIATE_TEST_SUITE_P(, ArchiveKindTest,
                         ::testing::Values(ArchiveKind::kTar, ArchiveKind::kTarGzip, ArchiveKind::kTarZstd,
                                           ArchiveKind::kZip),
                         KindName);

void WriteFolder(const std::string& folder, const std::vector<Member>& members) {
  for (const Member& member : members) {
    const std::filesystem::path path = std::filesystem::path(folder) / member.name;
    std::filesystem::create_directories(member.bytes.empty() ? path : path.parent_path());
    if (member.bytes.empty()) continue;
    ASSERT_THAT(base::WriteFileAtomically(path, member.bytes), IsOk());
  }
}

TEST(DataSetTest, AFolderIsTheSameSetAsItsTar) {
  const TemporaryFolder folder;
  WriteArchive(folder / "set.tar", ArchiveKind::kTar, SomeMembers());
  WriteFolder(folder / "set", SomeMembers());
  ASSERT_OK_AND_ASSIGN(const DataSet tar, DataSet::Open(folder / "set.tar", {}));
  ASSERT_OK_AND_ASSIGN(const DataSet files, DataSet::Open(folder / "set", {}));
  EXPECT_EQ(Names(files), Names(tar));
  EXPECT_EQ(files.notes(), tar.notes());
  EXPECT_EQ(files.Digest(100), tar.Digest(100));
  EXPECT_THAT(files.Read(3), IsOkAndHolds("bb"));
}

TEST(DataSetTest, DigestIsThatOfTheManifest) {
  const TemporaryFolder folder;
  WriteArchive(folder / "set", ArchiveKind::kTar, {{"b.jpg", "2"}, {"a.jpg", "1"}});
  ASSERT_OK_AND_ASSIGN(const DataSet set, DataSet::Open(folder / "set", {}));
  const std::string first = base::Sha256("1") + "  a.jpg\n";
  EXPECT_EQ(set.Digest(1), base::Sha256(first));
  EXPECT_EQ(set.Digest(2), base::Sha256(first + base::Sha256("2") + "  b.jpg\n"));
  EXPECT_EQ(set.Digest(3), set.Digest(2));
}

TEST(DataSetTest, ManyThreadsReadAtOnce) {
  const TemporaryFolder folder;
  std::vector<Member> members;
  for (int i = 0; i < 50; ++i) {
    members.push_back({std::to_string(100 + i) + ".jpg", std::string(10'000, static_cast<char>(i + 1))});
  }
  WriteArchive(folder / "set", ArchiveKind::kTar, members);
  ASSERT_OK_AND_ASSIGN(const DataSet set, DataSet::Open(folder / "set", {}));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (size_t i = 0; i < set.size(); ++i) EXPECT_THAT(set.Read(i), IsOkAndHolds(members[i].bytes));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(DataSetTest, LeavesNothingInTheSpoolFolder) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "spool");
  WriteArchive(folder / "set", ArchiveKind::kTar, {{"a.jpg", "1"}});
  Limits limits;
  limits.spool_folder = folder / "spool";
  ASSERT_OK_AND_ASSIGN(const DataSet set, DataSet::Open(folder / "set", limits));
  EXPECT_TRUE(std::filesystem::is_empty(folder / "spool"));
  EXPECT_THAT(set.Read(0), IsOkAndHolds("1"));
}

TEST(DataSetTest, AFolderThatCannotHoldTheSpoolIsNamed) {
  const TemporaryFolder folder;
  WriteArchive(folder / "set", ArchiveKind::kTar, {{"a.jpg", "1"}});
  Limits limits;
  limits.spool_folder = folder / "none";
  EXPECT_THAT(DataSet::Open(folder / "set", limits), StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
}

struct BadArchive {
  std::string name;
  std::vector<Member> members;
  std::string message;
};

class BadArchiveTest : public ::testing::TestWithParam<BadArchive> {};

TEST_P(BadArchiveTest, IsRefusedNamingArchiveAndMember) {
  const TemporaryFolder folder;
  std::vector<Member> members = GetParam().members;
  members.insert(members.begin(), Member{"good.jpg", "good"});
  WriteArchive(folder / "set.tar", ArchiveKind::kTar, members);
  EXPECT_THAT(DataSet::Open(folder / "set.tar", {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(folder / "set.tar"), HasSubstr(GetParam().message))));
}

INSTANTIATE_TEST_SUITE_P(, BadArchiveTest,
                         ::testing::ValuesIn<BadArchive>({
                             {"Parent", {{"../evil.jpg", "x"}}, "\"../evil.jpg\": its name contains \"..\""},
                             {"ParentInside", {{"a/../../evil.jpg", "x"}}, "\"a/../../evil.jpg\""},
                             {"ParentOfNoSample", {{"../evil.txt", "x"}}, "\"../evil.txt\""},
                             {"ParentFolder", {{"../", "", S_IFDIR}}, "\"../\""},
                             {"Absolute", {{"/etc/evil.jpg", "x"}}, "\"/etc/evil.jpg\": its name is absolute"},
                             {"Backslash", {{"a\\b.jpg", "x"}}, "contains a backslash"},
                             {"Drive", {{"C:evil.jpg", "x"}}, "\"C:evil.jpg\": its name begins with a drive letter"},
                             {"LineFeed", {{"a\nb.jpg", "x"}}, "\"a\\nb.jpg\": its name contains a control character"},
                             {"SymbolicLink", {{"l.jpg", "", S_IFLNK, "/etc/passwd"}}, "\"l.jpg\" is a symbolic link"},
                             {"HiddenLink", {{".l", "", S_IFLNK, "/etc"}}, "\".l\" is a symbolic link"},
                             {"HardLink", {{"l.jpg", "", S_IFREG, "good.jpg", true}}, "\"l.jpg\" is a hard link"},
                             {"Pipe", {{"p.jpg", "", S_IFIFO}}, "\"p.jpg\" is a device, a pipe"},
                             {"CharacterDevice", {{"d.jpg", "", S_IFCHR}}, "\"d.jpg\" is a device"},
                             {"BlockDevice", {{"d.jpg", "", S_IFBLK}}, "\"d.jpg\" is a device"},
                             {"Twice", {{"good.jpg", "x"}}, "\"good.jpg\" occurs twice"},
                             {"TwiceInOtherSpelling", {{"./good.jpg", "x"}}, "\"good.jpg\" occurs twice"},
                             {"Empty", {{"empty.jpg", ""}}, "\"empty.jpg\" is empty (0 bytes)"},
                             {"LongName", {{std::string(1100, 'n') + ".jpg", "x"}}, "longer than 1024 bytes"},
                         }),
                         [](const auto& test) { return test.param.name; });

TEST(DataSetTest, NoSampleAtAll) {
  const TemporaryFolder folder;
  WriteArchive(folder / "set.tar", ArchiveKind::kTar, {{"notes.txt", "x"}});
  WriteArchive(folder / "empty.tar", ArchiveKind::kTar, {});
  std::filesystem::create_directory(folder / "empty");
  EXPECT_THAT(DataSet::Open(folder / "set.tar", {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("set.tar: holds no sample (ignored notes.txt: not jpg, png, npy or bin)")));
  for (const char* name : {"empty.tar", "empty"}) {
    EXPECT_THAT(DataSet::Open(folder / name, {}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("holds no sample; put")));
  }
}

TEST(DataSetTest, WhatIsNoSetIsNamed) {
  const TemporaryFolder folder;
  ASSERT_THAT(base::WriteFileAtomically(folder / "photo.jpg", EncodeJpeg(Gradient(8, 8, 3))), IsOk());
  ASSERT_THAT(base::WriteFileAtomically(folder / "empty.tar", ""), IsOk());
  for (const char* name : {"photo.jpg", "empty.tar"}) {
    EXPECT_THAT(DataSet::Open(folder / name, {}),
                StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr(name), HasSubstr("tar or zip"))));
  }
  EXPECT_THAT(DataSet::Open(folder / "none.tar", {}), StatusIs(absl::StatusCode::kNotFound, HasSubstr("none.tar")));
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(DataSet::Open(folder / "pipe", {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("neither a folder nor a file")));
}

// Bytes that do not compress: where a compressed archive is cut decides what is missing.
std::string Noise(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

TEST_P(ArchiveKindTest, CutOffAnywhereIsAnError) {
  const TemporaryFolder folder;
  WriteArchive(folder / "whole", GetParam(), {{"a.jpg", Noise(1500)}, {"b.jpg", Noise(700)}, {"c.jpg", Noise(3000)}});
  ASSERT_OK_AND_ASSIGN(const std::string whole, base::ReadFile(folder / "whole", 1 << 20));
  // A tar is padded with zeros far beyond its end mark; that these are missing changes nothing.
  const size_t end = GetParam() == ArchiveKind::kTar ? 3 * 512 + 1536 + 1024 + 3072 : whole.size();
  for (size_t size = 1; size + 1 < end; size += 97) {
    ASSERT_THAT(base::WriteFileAtomically(folder / "cut", whole.substr(0, size)), IsOk());
    EXPECT_THAT(DataSet::Open(folder / "cut", {}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(folder / "cut")))
        << size;
  }
}

TEST(DataSetTest, CutOffBetweenTwoMembersIsAnError) {
  const TemporaryFolder folder;
  WriteArchive(folder / "whole", ArchiveKind::kTar, {{"a.jpg", Noise(512)}, {"b.jpg", Noise(512)}});
  ASSERT_OK_AND_ASSIGN(const std::string whole, base::ReadFile(folder / "whole", 1 << 20));
  ASSERT_THAT(base::WriteFileAtomically(folder / "cut", whole.substr(0, 1024)), IsOk());
  EXPECT_THAT(DataSet::Open(folder / "cut", {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("end mark of a tar is missing")));
}

TEST(DataSetTest, AFlippedByteInAZipIsAnError) {
  const TemporaryFolder folder;
  WriteArchive(folder / "set", ArchiveKind::kZip, {{"a.jpg", Noise(5000)}});
  ASSERT_OK_AND_ASSIGN(std::string bytes, base::ReadFile(folder / "set", 1 << 20));
  bytes[2500] = static_cast<char>(bytes[2500] ^ 1);
  ASSERT_THAT(base::WriteFileAtomically(folder / "set", bytes), IsOk());
  EXPECT_THAT(DataSet::Open(folder / "set", {}), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"a.jpg\"")));
}

struct Limited {
  std::string name;
  void (*restrict)(Limits&);
  std::string message;
};

class LimitedTest : public ::testing::TestWithParam<Limited> {};

TEST_P(LimitedTest, HoldsForArchiveAndFolder) {
  const TemporaryFolder folder;
  const std::vector<Member> members = {{"a.jpg", Noise(600)}, {"b.jpg", Noise(600)}, {"c.jpg", Noise(600)}};
  WriteArchive(folder / "set.tar", ArchiveKind::kTar, members);
  WriteFolder(folder / "set", members);
  Limits limits;
  for (const char* name : {"set.tar", "set"}) EXPECT_THAT(DataSet::Open(folder / name, limits), IsOk());
  GetParam().restrict(limits);
  for (const char* name : {"set.tar", "set"}) {
    EXPECT_THAT(
        DataSet::Open(folder / name, limits),
        StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr(folder / name), HasSubstr(GetParam().message))));
  }
}

INSTANTIATE_TEST_SUITE_P(, LimitedTest,
                         ::testing::ValuesIn<Limited>({
                             {"Samples", [](Limits& limits) { limits.samples = 2; }, "more than 2 samples"},
                             {"Members", [](Limits& limits) { limits.members = 2; }, "more than 2"},
                             {"BytesPerMember", [](Limits& limits) { limits.bytes_per_member = 599; }, ".jpg\" has"},
                             {"TotalBytes", [](Limits& limits) { limits.total_bytes = 1799; }, "1799 bytes"},
                             {"NameLength", [](Limits& limits) { limits.name_length = 4; }, "longer than 4 bytes"},
                         }),
                         [](const auto& test) { return test.param.name; });

TEST(DataSetTest, ABombIsRefusedEvenIfItIsNoSample) {
  for (const char* name : {"bomb.jpg", "bomb.txt", ".bomb"}) {
    const TemporaryFolder folder;
    WriteArchive(folder / "set", ArchiveKind::kTarZstd, {{"a.jpg", "a"}, {name, std::string(32 << 20, '\0')}});
    EXPECT_THAT(DataSet::Open(folder / "set", {}),
                StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr(name), HasSubstr("1000 times"))));
  }
}

TEST(DataSetTest, LinksAndPipesInAFolderAreNotFollowed) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "set");
  std::filesystem::create_directories(folder / "other");
  ASSERT_THAT(base::WriteFileAtomically(folder / "other/secret.jpg", "secret"), IsOk());
  ASSERT_THAT(base::WriteFileAtomically(folder / "set/a.jpg", "a"), IsOk());
  std::filesystem::create_symlink(folder / "other/secret.jpg", folder / "set/link.jpg");
  std::filesystem::create_directory_symlink(folder / "other", folder / "set/other");
  ASSERT_EQ(mkfifo((folder / "set/pipe.jpg").c_str(), 0600), 0);
  ASSERT_OK_AND_ASSIGN(const DataSet set, DataSet::Open(folder / "set", {}));
  EXPECT_THAT(Names(set), ElementsAre("a.jpg"));
  EXPECT_THAT(set.notes(), ElementsAre("ignored link.jpg: a symbolic link", "ignored other: a symbolic link",
                                       "ignored pipe.jpg: no regular file"));
}

TEST(DataSetTest, AnEmptyFileOfAFolderIsNamed) {
  const TemporaryFolder folder;
  { const auto fd = base::OpenFile(folder / "zero.png", O_CREAT | O_WRONLY); }
  EXPECT_THAT(DataSet::Open(folder.path(), {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"zero.png\" is empty")));
}

TEST(DataSetTest, AFileChangedSinceOpenIsNoticed) {
  const TemporaryFolder folder;
  ASSERT_THAT(base::WriteFileAtomically(folder / "a.jpg", "old"), IsOk());
  ASSERT_OK_AND_ASSIGN(const DataSet set, DataSet::Open(folder.path(), {}));
  for (const char* bytes : {"new", "longer", "s"}) {
    ASSERT_THAT(base::WriteFileAtomically(folder / "a.jpg", bytes), IsOk());
    EXPECT_THAT(set.Read(0), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("a.jpg was changed")));
  }
}

TEST(DataSetTest, ManyNotesAreCutShort) {
  const TemporaryFolder folder;
  std::vector<Member> members = {{"a.jpg", "a"}};
  for (int i = 0; i < 250; ++i) members.push_back({std::to_string(i) + ".txt", "x"});
  WriteArchive(folder / "set", ArchiveKind::kTar, members);
  ASSERT_OK_AND_ASSIGN(const DataSet set, DataSet::Open(folder / "set", {}));
  ASSERT_EQ(set.notes().size(), 101);
  EXPECT_EQ(set.notes().back(), "ignored 150 more");
}

TEST(DataSetTest, NamesBeyondAsciiAreKept) {
  const TemporaryFolder folder;
  WriteArchive(folder / "set", ArchiveKind::kTar, {{"\xc3\xa9t\xc3\xa9.jpg", "x"}});
  ASSERT_OK_AND_ASSIGN(const DataSet set, DataSet::Open(folder / "set", {}));
  EXPECT_THAT(Names(set), ElementsAre("\xc3\xa9t\xc3\xa9.jpg"));
  EXPECT_THAT(set.notes(), IsEmpty());
}

}  // namespace
}  // namespace joinery::compiler
