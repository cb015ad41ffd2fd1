#include "compiler/calibration/feed_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/file.h"
#include "compiler/calibration/npy.h"
#include "compiler/failure.h"
#include "tests/compiler/calibration/builders.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Npy(float value) { return FormatNpy(MakeTensor<float>(onnx::TensorProto::FLOAT, {1}, {value})); }

void Write(const TemporaryFolder& folder, const std::string& name, const std::string& bytes) {
  if (const size_t slash = name.find('/'); slash != std::string::npos) {
    mkdir((folder / name.substr(0, slash)).c_str(), 0755);
  }
  ASSERT_THAT(base::WriteFileAtomically(folder / name, bytes), IsOk());
}

v1::BuildConfiguration VectorInputs(const std::vector<std::string>& names) {
  v1::BuildConfiguration configuration;
  for (const std::string& name : names) {
    v1::InputConfiguration* input = configuration.add_inputs();
    input->set_name(name);
    input->set_element_type(v1::ELEMENT_TYPE_FLOAT32);
    input->set_layout(v1::LAYOUT_NATIVE);
    input->set_model_layout(v1::LAYOUT_NATIVE);
    input->set_color_space(v1::COLOR_SPACE_NONE);
    input->set_model_color_space(v1::COLOR_SPACE_NONE);
    input->add_model_shape(1);
  }
  return configuration;
}

TEST(FeedSourceTest, OneInputTakesEveryFileInNameOrderUpToTheLimit) {
  const TemporaryFolder folder;
  for (const char* name : {"c.npy", "a.npy", "b.npy"}) Write(folder, name, Npy(static_cast<float>(name[0])));
  ASSERT_OK_AND_ASSIGN(const DataSet data_set, DataSet::Open(folder.path(), {}));
  v1::BuildConfiguration configuration = VectorInputs({"x"});
  configuration.mutable_calibration()->set_max_samples(2);
  ASSERT_OK_AND_ASSIGN(const FeedSource source, FeedSource::Create(data_set, configuration));
  ASSERT_EQ(source.size(), 2);
  EXPECT_EQ(source.name(0), "a.npy");
  ASSERT_OK_AND_ASSIGN(const std::vector<Tensor> feed, source.Load(1));
  ASSERT_EQ(feed.size(), 1);
  EXPECT_THAT(feed[0].values<float>(), ElementsAre('b'));
  EXPECT_EQ(source.digest(), data_set.Digest(2));
}

TEST(FeedSourceTest, SeveralInputsPairFilesOfTheSameName) {
  const TemporaryFolder folder;
  Write(folder, "x/1.npy", Npy(1));
  Write(folder, "x/2.npy", Npy(2));
  Write(folder, "y/2.npy", Npy(20));
  Write(folder, "y/3.npy", Npy(30));
  ASSERT_OK_AND_ASSIGN(const DataSet data_set, DataSet::Open(folder.path(), {}));
  const v1::BuildConfiguration configuration = VectorInputs({"x", "y"});
  ASSERT_OK_AND_ASSIGN(const FeedSource source, FeedSource::Create(data_set, configuration));
  ASSERT_EQ(source.size(), 1);
  EXPECT_EQ(source.name(0), "2.npy");
  ASSERT_OK_AND_ASSIGN(const std::vector<Tensor> feed, source.Load(0));
  ASSERT_EQ(feed.size(), 2);
  EXPECT_THAT(feed[0].values<float>(), ElementsAre(2));
  EXPECT_THAT(feed[1].values<float>(), ElementsAre(20));
}

TEST(FeedSourceTest, SetsOfTheirOwnPairFilesOfTheSameNameWhateverTheirEnding) {
  const TemporaryFolder x;
  const TemporaryFolder y;
  Write(x, "1.npy", Npy(1));
  Write(x, "2.npy", Npy(2));
  Write(y, "2.bin", std::string("\0\0\xa0\x41", 4));  // 20
  Write(y, "3.npy", Npy(30));
  ASSERT_OK_AND_ASSIGN(const DataSet first, DataSet::Open(x.path(), {}));
  ASSERT_OK_AND_ASSIGN(const DataSet second, DataSet::Open(y.path(), {}));
  const v1::BuildConfiguration configuration = VectorInputs({"x", "y"});
  const std::vector<const DataSet*> data_sets = {&first, &second};
  ASSERT_OK_AND_ASSIGN(const FeedSource source, FeedSource::Create(data_sets, configuration));
  ASSERT_EQ(source.size(), 1);
  ASSERT_OK_AND_ASSIGN(const std::vector<Tensor> feed, source.Load(0));
  EXPECT_THAT(feed[0].values<float>(), ElementsAre(2));
  EXPECT_THAT(feed[1].values<float>(), ElementsAre(20));
  EXPECT_THAT(FeedSource::Create({&first, &first}, configuration), IsOk());
}

TEST(FeedSourceTest, ADictionaryOfArraysIsASampleOfAllInputs) {
  const TemporaryFolder folder;
  for (const char* name : {"a.npy", "b.npy"}) Write(folder, name, NumpyObjectFile());
  ASSERT_OK_AND_ASSIGN(const DataSet data_set, DataSet::Open(folder.path(), {}));
  const v1::BuildConfiguration configuration = VectorInputs({"y", "x"});
  ASSERT_OK_AND_ASSIGN(const FeedSource source, FeedSource::Create(data_set, configuration));
  ASSERT_EQ(source.size(), 2);
  EXPECT_EQ(source.digest(), data_set.Digest(2));
  ASSERT_OK_AND_ASSIGN(const std::vector<Tensor> feed, source.Load(1));
  EXPECT_THAT(feed[0].values<float>(), ElementsAre(10));
  EXPECT_THAT(feed[1].values<float>(), ElementsAre(1));
}

TEST(PathsByInputTest, APathWithoutANameIsForTheRest) {
  const v1::BuildConfiguration configuration = VectorInputs({"x", "y", "z"});
  EXPECT_THAT(PathsByInput({{"y", "b.tar"}, {"", "a.tar"}}, configuration),
              IsOkAndHolds(ElementsAre("a.tar", "b.tar", "a.tar")));
  EXPECT_THAT(PathsByInput({{"y", "b.tar"}}, configuration).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("input \"x\" has no calibration set")));
  EXPECT_THAT(PathsByInput({{"", "a.tar"}, {"w", "b.tar"}}, configuration).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("input \"w\", which the model does not have")));
}

TEST(FeedSourceTest, AnInputWithoutAFolderIsNamed) {
  const TemporaryFolder folder;
  Write(folder, "x/1.npy", Npy(1));
  ASSERT_OK_AND_ASSIGN(const DataSet data_set, DataSet::Open(folder.path(), {}));
  EXPECT_THAT(FeedSource::Create(data_set, VectorInputs({"x", "state"})).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"state\"")));
}

TEST(FeedSourceTest, AFileThatDoesNotFitIsTheCulprit) {
  const TemporaryFolder folder;
  Write(folder, "bad.npy", "not an array");
  ASSERT_OK_AND_ASSIGN(const DataSet data_set, DataSet::Open(folder.path(), {}));
  const v1::BuildConfiguration configuration = VectorInputs({"x"});
  ASSERT_OK_AND_ASSIGN(const FeedSource source, FeedSource::Create(data_set, configuration));
  const v1::Failure failure = ToFailure(source.Load(0).status());
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_INVALID_CALIBRATION);
  EXPECT_EQ(failure.culprit(), "bad.npy");
}

TEST(FeedSourceTest, WhatWasDoneToPhotosIsSaidOnceWithACount) {
  const TemporaryFolder folder;
  for (const char* name : {"a.png", "b.png", "c.png"}) Write(folder, name, EncodePng(Gradient(8, 8, 3)));
  Write(folder, "d.png", EncodePng(Gradient(4, 4, 3)));
  ASSERT_OK_AND_ASSIGN(const DataSet data_set, DataSet::Open(folder.path(), {}));
  v1::BuildConfiguration configuration;
  *configuration.add_inputs() = PictureInput(4, 4, 3, v1::COLOR_SPACE_RGB);
  configuration.mutable_calibration()->set_image_fit(v1::IMAGE_FIT_COVER);
  ASSERT_OK_AND_ASSIGN(const FeedSource source, FeedSource::Create(data_set, configuration));
  for (const size_t sample : {2, 0, 3, 1}) ASSERT_THAT(source.Load(sample), IsOk());
  EXPECT_THAT(source.Notes(), ElementsAre(HasSubstr("3 files, the first a.png: 8x8 scaled")));
}

}  // namespace
}  // namespace joinery::compiler
