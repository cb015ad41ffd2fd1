#include "compiler/frontend/edit_model.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

#include "compiler/ir/tensor_proto.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

onnx::ModelProto Model() {
  onnx::ModelProto model = ParseOnnxText(R"(g (float[1,2,4,4] x) => (float[1,2,2,2] y)
      <float[2] w = {1, 2}, int64[1] axes = {2}> {
    k = Constant <value = float[1] {3.0}> ()
    p = AveragePool <kernel_shape=[2,2], strides=[2,2], auto_pad="NOTSET"> (x)
    y = Mul(p, k) })");
  model.mutable_graph()->mutable_node(1)->set_name("pool");
  return model;
}

absl::Status Edit(const std::string& edits, onnx::ModelProto& model) {
  v1::ModelEdits message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(edits, &message));
  return EditModel(message, model);
}

std::string Attribute(const onnx::ModelProto& model, const std::string& name) {
  for (const onnx::AttributeProto& attribute : model.graph().node(1).attribute()) {
    if (attribute.name() == name) return attribute.ShortDebugString();
  }
  return "";
}

TEST(EditModelTest, ConstantsOfBothKindsGetOtherValues) {
  onnx::ModelProto model = Model();
  ASSERT_THAT(Edit("constants { name: 'w' values: [5, -0.5] } constants { name: 'axes' values: 3 }"
                   "constants { name: 'k' values: 0.25 }",
                   model),
              IsOk());
  EXPECT_THAT(FloatValues(model.graph().initializer(0)), IsOkAndHolds(ElementsAre(5, -0.5)));
  EXPECT_THAT(IntValues(model.graph().initializer(1)), IsOkAndHolds(ElementsAre(3)));
  EXPECT_THAT(FloatValues(model.graph().node(0).attribute(0).t()), IsOkAndHolds(ElementsAre(0.25)));
}

TEST(EditModelTest, AttributesKeepTheirType) {
  onnx::ModelProto model = Model();
  ASSERT_THAT(Edit("attributes { node: 'pool' name: 'kernel_shape' value: '[1, 1]' }"
                   "attributes { node: 'pool' name: 'auto_pad' value: 'VALID' }"
                   "attributes { node: 'pool' name: 'ceil_mode' value: '1' }",
                   model),
              IsOk());
  EXPECT_EQ(Attribute(model, "kernel_shape"), "name: \"kernel_shape\" ints: 1 ints: 1 type: INTS");
  EXPECT_EQ(Attribute(model, "auto_pad"), "name: \"auto_pad\" s: \"VALID\" type: STRING");
  EXPECT_EQ(Attribute(model, "ceil_mode"), "name: \"ceil_mode\" i: 1 type: INT");
}

TEST(EditModelTest, WhatDoesNotFitIsRefusedByName) {
  struct Case {
    const char* edits;
    const char* message;
  };
  for (const Case& c : {Case{"constants { name: 'v' values: 1 }", "constant \"v\": the model has none"},
                        Case{"constants { name: 'w' values: 1 }", "has 2 values, and 1 are given"},
                        Case{"constants { name: 'axes' values: 1.5 }", "is int64, which cannot hold"},
                        Case{"attributes { node: 'conv' name: 'a' value: '1' }", "node \"conv\": the model has none"},
                        Case{"attributes { node: 'pool' name: 'strides' value: '2' }", "is of type INTS, and 2 is not"},
                        Case{"attributes { node: 'pool' name: 'strides' value: '[1, \"a\"]' }", "is of type INTS"}}) {
    onnx::ModelProto model = Model();
    EXPECT_THAT(Edit(c.edits, model), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.message))) << c.edits;
  }
}

}  // namespace
}  // namespace joinery::compiler
