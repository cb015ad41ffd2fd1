#include "client/pack.h"

#include <archive.h>
#include <archive_entry.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "client/error.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::client {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

void Write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  ASSERT_THAT(base::WriteFileAtomically(path, text), IsOk());
}

std::string BytesOf(const BlobSource& source) {
  std::string bytes;
  EXPECT_THAT(source.Read([&](absl::string_view piece) {
    bytes.append(piece.data(), piece.size());
    return absl::OkStatus();
  }),
              IsOk());
  return bytes;
}

std::string Packed(const std::string& folder) {
  auto source = OpenCalibration(folder);
  EXPECT_THAT(source, IsOk());
  return source.ok() ? BytesOf(**source) : "";
}

// "name mode uid mtime content" of each member.
std::vector<std::string> Members(const std::string& tar) {
  std::vector<std::string> members;
  archive* reader = archive_read_new();
  archive_read_support_format_tar(reader);
  EXPECT_EQ(archive_read_open_memory(reader, tar.data(), tar.size()), ARCHIVE_OK);
  archive_entry* entry = nullptr;
  while (archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
    std::string content(static_cast<size_t>(archive_entry_size(entry)), '\0');
    EXPECT_EQ(archive_read_data(reader, content.data(), content.size()), static_cast<la_ssize_t>(content.size()));
    members.push_back(std::string(archive_entry_pathname(entry)) + " " + std::to_string(archive_entry_perm(entry)) +
                      " " + std::to_string(archive_entry_uid(entry)) + " " +
                      std::to_string(archive_entry_mtime(entry)) + " " + content);
  }
  archive_read_free(reader);
  return members;
}

TEST(PackTest, TakesSamplesInNameOrderAndNothingElse) {
  const TemporaryFolder folder;
  Write(folder / "set/b.JPG", "bb");
  Write(folder / "set/a.npy", "a");
  Write(folder / "set/below/c.jpeg", "c");
  Write(folder / "set/Z.png", "");
  Write(folder / "set/readme.txt", "no");
  std::filesystem::create_symlink(folder / "set/a.npy", folder / "set/link.png");
  std::filesystem::create_directory_symlink(folder / "set/below", folder / "set/linked");
  // 0644 is 420.
  EXPECT_THAT(Members(Packed(folder / "set")),
              ElementsAre("Z.png 420 0 0 ", "a.npy 420 0 0 a", "b.JPG 420 0 0 bb", "below/c.jpeg 420 0 0 c"));
}

TEST(PackTest, TheSameFilesGiveTheSameBytes) {
  const TemporaryFolder folder;
  const std::string large(3'000'001, 'x');
  Write(folder / "one/a.jpg", large);
  Write(folder / "one/b.jpg", "b");
  Write(folder / "two/b.jpg", "b");
  Write(folder / "two/a.jpg", large);
  std::filesystem::permissions(folder / "two/a.jpg", std::filesystem::perms::owner_all);
  std::filesystem::last_write_time(folder / "two/a.jpg",
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(24 * 365));
  const std::string one = Packed(folder / "one");
  EXPECT_GT(one.size(), large.size());
  EXPECT_TRUE(one == Packed(folder / "two/"));
}

TEST(PackTest, AnEmptySetIsRefused) {
  const TemporaryFolder folder;
  Write(folder / "set/readme.txt", "no");
  const auto source = OpenCalibration(folder / "set");
  EXPECT_THAT(source, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("has no .jpg")));
  EXPECT_EQ(OriginOf(source.status()), Origin::kLocalIo);
}

TEST(PackTest, ATarIsSentAsItIsAndOtherFilesAreRefused) {
  const TemporaryFolder folder;
  Write(folder / "set.TAR", "any bytes");
  Write(folder / "photo.jpg", "j");
  EXPECT_EQ(Packed(folder / "set.TAR"), "any bytes");
  EXPECT_THAT(OpenCalibration(folder / "photo.jpg"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("neither a folder nor a .tar")));
  EXPECT_THAT(OpenCalibration(folder / "none"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
}

TEST(PackTest, AFileThatBecomesShorterIsNoticed) {
  const TemporaryFolder folder;
  Write(folder / "set/a.jpg", "12345");
  const auto source = FolderSource::Open(folder / "set");
  ASSERT_THAT(source, IsOk());
  Write(folder / "set/a.jpg", "123");
  EXPECT_THAT((*source)->Read([](absl::string_view) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("a.jpg became shorter")));
}

TEST(PackTest, ReadingStopsWithTheTakersError) {
  const TemporaryFolder folder;
  Write(folder / "set/a.jpg", "12345");
  const auto source = FolderSource::Open(folder / "set");
  ASSERT_THAT(source, IsOk());
  EXPECT_THAT((*source)->Read([](absl::string_view) { return absl::CancelledError("enough"); }),
              StatusIs(absl::StatusCode::kCancelled, "enough"));
}

}  // namespace
}  // namespace joinery::client
