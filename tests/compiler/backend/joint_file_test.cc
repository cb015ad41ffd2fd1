#include "compiler/backend/joint_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/file.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;
using ::testing::HasSubstr;

constexpr char kModel[] = "g (float[1] x) => (float[1] y) { y = Relu(x) }";

v1::Manifest SomeManifest() {
  v1::Manifest manifest;
  manifest.set_format_version(kJointFormatVersion);
  manifest.set_tool_version("1.2.3");
  manifest.mutable_configuration()->mutable_target()->set_hardware("AX620");
  return manifest;
}

TEST(JointFileTest, WhatIsWrittenIsRead) {
  const TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const int64_t size, WriteJoint(folder / "m.joint", ParseOnnxText(kModel), SomeManifest()));
  ASSERT_OK_AND_ASSIGN(const std::string bytes, base::ReadFile(folder / "m.joint", 1 << 20));
  EXPECT_EQ(static_cast<int64_t>(bytes.size()), size);
  ASSERT_OK_AND_ASSIGN(const Joint joint, ReadJoint(folder / "m.joint"));
  EXPECT_EQ(joint.manifest.SerializeAsString(), SomeManifest().SerializeAsString());
  EXPECT_EQ(joint.model.producer_name(), "joinery");
  EXPECT_TRUE(HasManifest(joint.model));
}

TEST(JointFileTest, TheSameGivesTheSameBytes) {
  const TemporaryFolder folder;
  ASSERT_THAT(WriteJoint(folder / "a", ParseOnnxText(kModel), SomeManifest()), IsOk());
  ASSERT_THAT(WriteJoint(folder / "b", ParseOnnxText(kModel), SomeManifest()), IsOk());
  EXPECT_EQ(*base::ReadFile(folder / "a", 1 << 20), *base::ReadFile(folder / "b", 1 << 20));
}

TEST(JointFileTest, AFloatModelIsNotAJoint) {
  const TemporaryFolder folder;
  ASSERT_THAT(base::WriteFileAtomically(folder / "m.onnx", ParseOnnxText(kModel).SerializeAsString()), IsOk());
  EXPECT_THAT(ReadJoint(folder / "m.onnx"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no Joinery manifest")));
}

TEST(JointFileTest, ANewerFormatIsRefused) {
  const TemporaryFolder folder;
  v1::Manifest manifest = SomeManifest();
  manifest.set_format_version(kJointFormatVersion + 1);
  ASSERT_THAT(WriteJoint(folder / "m.joint", ParseOnnxText(kModel), manifest), IsOk());
  EXPECT_THAT(ReadJoint(folder / "m.joint"), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("newer")));
}

TEST(JointFileTest, ADamagedManifestIsSaidToBeOne) {
  const TemporaryFolder folder;
  onnx::ModelProto model = ParseOnnxText(kModel);
  onnx::StringStringEntryProto* entry = model.add_metadata_props();
  entry->set_key("joinery.manifest");
  entry->set_value("{\"format_version\":");
  ASSERT_THAT(base::WriteFileAtomically(folder / "m.joint", model.SerializeAsString()), IsOk());
  EXPECT_THAT(ReadJoint(folder / "m.joint"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("damaged")));
}

}  // namespace
}  // namespace joinery::compiler
