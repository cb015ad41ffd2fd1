#include "compiler/ir/tensor_proto.h"

#include <limits>
#include <string>
#include <vector>

#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TensorProtoTest, RawDataComesBack) {
  const std::vector<float> values = {1.5F, -2, 0, 4};
  const onnx::TensorProto proto = FloatProto("w", {2, 2}, values);
  EXPECT_EQ(proto.name(), "w");
  EXPECT_THAT(FloatValues(proto), IsOkAndHolds(values));
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, ToTensor(proto));
  EXPECT_EQ(tensor.shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(ToProto(tensor, "w").SerializeAsString(), proto.SerializeAsString());
}

TEST(TensorProtoTest, TypedFieldsAreRead) {
  onnx::TensorProto bytes;
  bytes.set_data_type(onnx::TensorProto::INT8);
  bytes.add_dims(2);
  bytes.add_int32_data(-1);
  bytes.add_int32_data(127);
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, ToTensor(bytes));
  EXPECT_THAT(tensor.values<int8_t>(), ElementsAre(-1, 127));

  onnx::TensorProto halves;
  halves.set_data_type(onnx::TensorProto::FLOAT16);
  halves.add_dims(1);
  halves.add_int32_data(0x3c00);
  ASSERT_OK_AND_ASSIGN(const Tensor half, ToTensor(halves));
  EXPECT_THAT(half.values<uint16_t>(), ElementsAre(0x3c00));
}

TEST(TensorProtoTest, IntegersOfBothWidths) {
  EXPECT_THAT(IntValues(Int64Proto("s", {2}, {3, -4})), IsOkAndHolds(ElementsAre(3, -4)));
  onnx::TensorProto narrow;
  narrow.set_data_type(onnx::TensorProto::INT32);
  narrow.add_int32_data(-7);
  EXPECT_THAT(IntValues(narrow), IsOkAndHolds(ElementsAre(-7)));
  EXPECT_THAT(IntValues(FloatProto("f", {}, {1.0F})),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"f\" is float")));
  EXPECT_THAT(FloatValues(Int64Proto("s", {}, {1})),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"s\" is int64")));
}

TEST(TensorProtoTest, SizesThatDoNotFitAreErrors) {
  onnx::TensorProto proto = FloatProto("w", {2}, {1.0F, 2.0F});
  proto.set_dims(0, 3);
  EXPECT_THAT(ToTensor(proto), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("need 12")));
  proto.set_dims(0, -1);
  EXPECT_THAT(ToTensor(proto), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("impossible shape")));
  proto.set_dims(0, std::numeric_limits<int64_t>::max());
  EXPECT_THAT(ToTensor(proto), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("impossible shape")));
}

TEST(TensorProtoTest, ExternalDataAndStringsAreNotRead) {
  onnx::TensorProto external = FloatProto("w", {1}, {1.0F});
  external.set_data_location(onnx::TensorProto::EXTERNAL);
  EXPECT_THAT(ToTensor(external), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("\"w\"")));
  onnx::TensorProto strings;
  strings.set_data_type(onnx::TensorProto::STRING);
  EXPECT_THAT(ToTensor(strings), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("string")));
}

TEST(TensorProtoTest, NamesAndSizesOfTypes) {
  EXPECT_EQ(ElementTypeName(onnx::TensorProto::UINT8), "uint8");
  EXPECT_EQ(ElementTypeName(99), "type 99");
  EXPECT_EQ(ElementSize(onnx::TensorProto::DOUBLE), 8U);
  EXPECT_EQ(ElementSize(onnx::TensorProto::INT4), 0U);
  EXPECT_EQ(ElementSize(99), 0U);
}

}  // namespace
}  // namespace joinery::compiler
