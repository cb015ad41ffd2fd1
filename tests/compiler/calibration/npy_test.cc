#include "compiler/calibration/npy.h"

#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Npy(const std::string& header, const std::string& elements, char version = 1) {
  std::string bytes = std::string("\x93NUMPY") + version + '\0';
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  if (version > 1) bytes += std::string(2, '\0');
  return bytes + header + elements;
}

std::string Npy(const std::string& descr, const std::string& shape, const std::string& elements) {
  return Npy("{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shape + ", }\n", elements);
}

TEST(NpyTest, ReadsAllVersions) {
  for (const char version : {1, 2, 3}) {
    const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }   \n";
    ASSERT_OK_AND_ASSIGN(const Tensor tensor,
                         ParseNpy(Npy(header, std::string("\0\0\x80\x3f\0\0\0\xc0", 8), version), "x"));
    EXPECT_THAT(tensor.shape, ElementsAre(2, 1));
    EXPECT_THAT(tensor.values<float>(), ElementsAre(1.0F, -2.0F));
  }
}

TEST(NpyTest, FormatAndParseAreInverse) {
  const std::pair<int32_t, size_t> types[] = {
      {onnx::TensorProto::UINT8, 1},  {onnx::TensorProto::INT8, 1},  {onnx::TensorProto::INT32, 4},
      {onnx::TensorProto::INT64, 8},  {onnx::TensorProto::FLOAT, 4}, {onnx::TensorProto::FLOAT16, 2},
      {onnx::TensorProto::DOUBLE, 8},
  };
  for (const auto& [type, size] : types) {
    for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{{}, {3}, {0}, {2, 3, 1, 4}}) {
      Tensor tensor{type, shape, {}};
      for (size_t i = 0; i < static_cast<size_t>(NumElements(shape)) * size; ++i) tensor.bytes.push_back(std::byte(i));
      const std::string bytes = FormatNpy(tensor);
      EXPECT_EQ((bytes.size() - tensor.bytes.size()) % 64, 0);
      ASSERT_OK_AND_ASSIGN(const Tensor parsed, ParseNpy(bytes, "x"));
      EXPECT_EQ(parsed.element_type, type);
      EXPECT_EQ(parsed.shape, shape);
      EXPECT_EQ(parsed.bytes, tensor.bytes);
    }
  }
}

// What numpy.save writes for numpy.arange(3, dtype=numpy.uint8), byte for byte.
TEST(NpyTest, FormatIsNumpysOwn) {
  const std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }" + std::string(60, ' ') + "\n";
  ASSERT_EQ(header.size(), 118);
  const uint8_t values[] = {0, 1, 2};
  EXPECT_EQ(FormatNpy(MakeTensor<uint8_t>(onnx::TensorProto::UINT8, {3}, values)),
            Npy(header, std::string("\0\1\2", 3)));
}

TEST(NpyTest, OneDimensionInFortranOrderIsTheSame) {
  ASSERT_OK_AND_ASSIGN(const Tensor tensor,
                       ParseNpy(Npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2,), }", "ab"), "x"));
  EXPECT_THAT(tensor.shape, ElementsAre(2));
}

struct BadNpy {
  std::string name;
  std::string bytes;
  std::string message;
};

class BadNpyTest : public ::testing::TestWithParam<BadNpy> {};

TEST_P(BadNpyTest, IsRefused) {
  EXPECT_THAT(
      ParseNpy(GetParam().bytes, "dir/x.npy"),
      StatusIs(absl::StatusCode::kInvalidArgument, AllOf(StartsWith("dir/x.npy: "), HasSubstr(GetParam().message))));
}

INSTANTIATE_TEST_SUITE_P(
    , BadNpyTest,
    ::testing::ValuesIn<BadNpy>({
        {"Empty", "", "does not begin like one"},
        {"Pickle", "\x80\x04K\x01.", "does not begin like one"},
        {"Object", Npy("'|O'", "(1,)", "\x80\x04K\x01."), "Python objects"},
        {"Records", Npy("[('a', '<f4')]", "(1,)", "1234"), "records"},
        {"BigEndian", Npy("'>f4'", "(1,)", "1234"), "big-endian"},
        {"Complex", Npy("'<c8'", "(1,)", "12345678"), "\"<c8\""},
        {"Fortran", Npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 1), }", "ab"), "Fortran order"},
        {"TooFewElements", Npy("'<f4'", "(2,)", "1234"), "4 bytes of elements, and its shape needs 8"},
        {"TooManyElements", Npy("'|u1'", "(2,)", "123"), "3 bytes of elements"},
        {"Overflow", Npy("'<f8'", "(4294967296, 4294967296)", ""), "too large"},
        {"OverflowAroundToZero", Npy("'<f8'", "(2305843009213693952,)", ""), "too large"},
        {"HugeDimension", Npy("'|u1'", "(99999999999999999999,)", ""), "no list of sizes"},
        {"Negative", Npy("'|u1'", "(-1,)", ""), "no list of sizes"},
        {"Version9", Npy("{}", "", 9), "version 9"},
        {"HeaderCutOff", Npy("'|u1'", "(2,)", "").substr(0, 30), "ends early"},
        {"LengthCutOff", std::string("\x93NUMPY\x02\x00\x01", 9), "ends early"},
        {"HugeHeader", std::string("\x93NUMPY\x02\x00\xff\xff\xff\x7f", 12), "too long"},
        {"NoShape", Npy("{'descr': '|u1', 'fortran_order': False, }", ""), "lacks"},
        {"UnknownKey", Npy("{'descr': '|u1', 'evil': 1}", ""), "unexpected key \"evil\""},
        {"NoDictionary", Npy("__import__('os')", ""), "lacks \"{\""},
        {"TextAfterDictionary", Npy("{'descr': '|u1', 'fortran_order': False, 'shape': (0,)} + f()", ""), "goes on"},
        {"ManyDimensions", Npy("'|u1'", "(1,1,1,1,1,1,1,1,1)", "1"), "more than 8"},
    }),
    [](const auto& test) { return test.param.name; });

TEST(NpyTest, CutOffAnywhereIsAnError) {
  const std::string bytes = Npy("'<i4'", "(2, 2)", std::string(16, 'x'));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(ParseNpy(bytes.substr(0, size), "x"), StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("x: ")));
  }
}

}  // namespace
}  // namespace joinery::compiler
