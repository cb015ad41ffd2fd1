#include "compiler/frontend/load_model.h"

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;

onnx::ModelProto GoodModel() {
  return ParseOnnxText(
      "g (float[1,2] x) => (float[1,2] y) <float[2,2] w = {1, 2, 3, 4}> { [first] a = MatMul(x, w) [last] y = Relu(a) "
      "}");
}

void SetExternal(onnx::TensorProto* tensor) {
  tensor->set_data_location(onnx::TensorProto::EXTERNAL);
  auto* location = tensor->add_external_data();
  location->set_key("location");
  location->set_value("../../etc/passwd");
}

onnx::GraphProto* AddBranch(onnx::NodeProto* node, const std::string& name) {
  onnx::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::GRAPH);
  attribute->mutable_g()->set_name(name);
  return attribute->mutable_g();
}

onnx::TensorProto* Weights(onnx::ModelProto& model) { return model.mutable_graph()->mutable_initializer(0); }
onnx::NodeProto* First(onnx::ModelProto& model) { return model.mutable_graph()->mutable_node(0); }
onnx::NodeProto* Last(onnx::ModelProto& model) { return model.mutable_graph()->mutable_node(1); }

onnx::FunctionProto* AddFunction(onnx::ModelProto& model, const std::string& name) {
  onnx::FunctionProto* function = model.add_functions();
  function->set_domain("local");
  function->set_name(name);
  function->add_input("i");
  function->add_output("o");
  for (const char* domain : {"", "local"}) {
    auto* opset = function->add_opset_import();
    opset->set_domain(domain);
    opset->set_version(domain[0] == '\0' ? 13 : 1);
  }
  return function;
}

onnx::NodeProto* AddCall(onnx::FunctionProto* function, const std::string& callee, const std::string& output) {
  onnx::NodeProto* node = function->add_node();
  node->set_domain("local");
  node->set_op_type(callee);
  node->add_input("i");
  node->add_output(output);
  return node;
}

struct Case {
  std::string name;
  std::function<void(onnx::ModelProto&)> damage;
  absl::StatusCode code;
  std::string message;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::string NameOf(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

class BadModelTest : public ::testing::TestWithParam<Case> {};

TEST_P(BadModelTest, IsRefusedWithTheCulprit) {
  onnx::ModelProto model = GoodModel();
  GetParam().damage(model);
  EXPECT_THAT(ParseModel(model.SerializeAsString(), "bad.onnx", ModelLimits()),
              StatusIs(GetParam().code, AllOf(HasSubstr("bad.onnx: "), HasSubstr(GetParam().message))));
}

using Model = onnx::ModelProto;

INSTANTIATE_TEST_SUITE_P(
    Versions, BadModelTest,
    ::testing::ValuesIn<Case>({
        {"NoGraph", [](Model& m) { m.clear_graph(); }, kInvalid, "not an ONNX model"},
        {"NoIrVersion", [](Model& m) { m.clear_ir_version(); }, kInvalid, "not an ONNX model"},
        {"NewerIrVersion", [](Model& m) { m.set_ir_version(14); }, kInvalid, "IR version 14"},
        {"NoOpset", [](Model& m) { m.clear_opset_import(); }, kInvalid, "no opset"},
        {"NewerOpset", [](Model& m) { m.mutable_opset_import(0)->set_version(27); }, kInvalid, "opset 27"},
        {"HugeOpset", [](Model& m) { m.mutable_opset_import(0)->set_version(int64_t{1} << 40); }, kInvalid, "opset"},
        {"NegativeOpset", [](Model& m) { m.mutable_opset_import(0)->set_version(-1); }, kInvalid, "opset -1"},
        {"OpsetTwice", [](Model& m) { m.add_opset_import()->set_version(12); }, kInvalid, "twice"},
        {"UnknownOperator", [](Model& m) { First(m)->set_op_type("MatMull"); }, kUnimplemented,
         "node \"first\" (MatMull): there is no operator \"MatMull\" in opset 13"},
        {"NewerOperator", [](Model& m) { Last(m)->set_op_type("Gelu"); }, kUnimplemented, "opset 20 has it"},
        {"RemovedOperator", [](Model& m) { Last(m)->set_op_type("Upsample"); }, kUnimplemented, "taken out"},
        {"ContribDomain", [](Model& m) { First(m)->set_domain("com.microsoft"); }, kUnimplemented,
         "\"com.microsoft::MatMul\""},
        {"WrongArity", [](Model& m) { Last(m)->add_input("x"); }, kInvalid, "Relu"},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    ExternalData, BadModelTest,
    ::testing::ValuesIn<Case>({
        {"Initializer", [](Model& m) { SetExternal(Weights(m)); }, kInvalid, "tensor \"w\" keeps its data in another"},
        {"MarkOnly", [](Model& m) { Weights(m)->set_data_location(onnx::TensorProto::EXTERNAL); }, kInvalid, "\"w\""},
        {"LocationOnly", [](Model& m) { Weights(m)->add_external_data()->set_key("x"); }, kInvalid, "\"w\""},
        {"SparseValues", [](Model& m) { SetExternal(m.mutable_graph()->add_sparse_initializer()->mutable_values()); },
         kInvalid, "inside the model file"},
        {"SparseIndices", [](Model& m) { SetExternal(m.mutable_graph()->add_sparse_initializer()->mutable_indices()); },
         kInvalid, "inside the model file"},
        {"Attribute", [](Model& m) { SetExternal(Last(m)->add_attribute()->mutable_t()); }, kInvalid,
         "in node \"last\" (Relu)"},
        {"AttributeList", [](Model& m) { SetExternal(Last(m)->add_attribute()->add_tensors()); }, kInvalid, "\"last\""},
        {"SparseAttribute",
         [](Model& m) { SetExternal(Last(m)->add_attribute()->mutable_sparse_tensor()->mutable_values()); }, kInvalid,
         "\"last\""},
        {"NestedGraph", [](Model& m) { SetExternal(AddBranch(Last(m), "body")->add_initializer()); }, kInvalid,
         "inside the model file"},
        {"Function", [](Model& m) { SetExternal(AddFunction(m, "f")->add_node()->add_attribute()->mutable_t()); },
         kInvalid, "inside the model file"},
        {"TrainingInfo", [](Model& m) { SetExternal(m.add_training_info()->mutable_algorithm()->add_initializer()); },
         kInvalid, "inside the model file"},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Graph, BadModelTest,
    ::testing::ValuesIn<Case>({
        {"NoOutputs", [](Model& m) { m.mutable_graph()->clear_output(); }, kInvalid, "no outputs"},
        {"Cycle", [](Model& m) { First(m)->set_input(0, "y"); }, kInvalid, "cycle: node \"first\""},
        {"ReadsItself", [](Model& m) { Last(m)->set_input(0, "y"); }, kInvalid, "cycle: node \"last\""},
        {"Dangling", [](Model& m) { Last(m)->set_input(0, "nobody"); }, kInvalid,
         "node \"last\" (Relu) reads tensor \"nobody\", which nobody writes"},
        {"DanglingOutput", [](Model& m) { m.mutable_graph()->mutable_output(0)->set_name("z"); }, kInvalid,
         "output \"z\""},
        {"TwoWriters", [](Model& m) { First(m)->set_output(0, "y"); }, kInvalid,
         "tensor \"y\" has two writers: node \"last\" (Relu) and node \"first\""},
        {"WritesAnInput", [](Model& m) { First(m)->set_output(0, "x"); }, kInvalid, "\"x\" has two writers"},
        {"TwoInputsOfOneName", [](Model& m) { *m.mutable_graph()->add_input() = m.graph().input(0); }, kInvalid,
         "\"x\""},
        {"TwoOutputsOfOneName", [](Model& m) { *m.mutable_graph()->add_output() = m.graph().output(0); }, kInvalid,
         "two outputs are called \"y\""},
        {"TwoInitializersOfOneName", [](Model& m) { *m.mutable_graph()->add_initializer() = m.graph().initializer(0); },
         kInvalid, "two initializers are called \"w\""},
        {"NestedGraphHidesATensor",
         [](Model& m) {
           onnx::NodeProto* node = AddBranch(Last(m), "body")->add_node();
           node->set_op_type("Relu");
           node->add_input("x");
           node->add_output("a");
         },
         kInvalid, "\"a\" has two writers"},
        {"NamelessInput", [](Model& m) { m.mutable_graph()->add_input(); }, kInvalid, "has no name"},
        {"ControlCharacter", [](Model& m) { First(m)->set_name(std::string("a\0b", 3)); }, kInvalid, "a\\x00"},
        {"RightToLeftOverride", [](Model& m) { First(m)->set_name("a\u202eb"); }, kInvalid, "control characters"},
        {"NotUtf8", [](Model& m) { First(m)->set_output(0, "\xff\xfe"); }, kInvalid, "not UTF-8"},
        {"LongName", [](Model& m) { First(m)->set_name(std::string(500'000, 'n')); }, kInvalid, "500000 bytes long"},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Tensors, BadModelTest,
    ::testing::ValuesIn<Case>({
        {"TooFewValues", [](Model& m) { Weights(m)->mutable_float_data()->RemoveLast(); }, kInvalid,
         "tensor \"w\" has 3 values of data, its shape and type need 4"},
        {"RawDataTooShort",
         [](Model& m) {
           Weights(m)->clear_float_data();
           Weights(m)->set_raw_data("123");
         },
         kInvalid, "tensor \"w\" has 3 bytes of data, its shape and type need 16"},
        {"PackedFourBits",
         [](Model& m) {
           Weights(m)->clear_float_data();
           Weights(m)->set_data_type(onnx::TensorProto::INT4);
           Weights(m)->set_raw_data("1234");
         },
         kInvalid, "need 2"},
        {"NegativeDimension", [](Model& m) { Weights(m)->set_dims(0, -2); }, kInvalid, "impossible shape"},
        {"HugeDimension", [](Model& m) { Weights(m)->set_dims(0, int64_t{1} << 62); }, kInvalid, "impossible shape"},
        {"OverflowingProduct",
         [](Model& m) {
           for (int i = 0; i < 8; ++i) Weights(m)->add_dims(1 << 30);
         },
         kInvalid, "impossible shape"},
        {"NoSuchType", [](Model& m) { Weights(m)->set_data_type(99); }, kInvalid, "type 99"},
        {"NaN", [](Model& m) { Weights(m)->set_float_data(1, std::nanf("")); }, kInvalid, "tensor \"w\" holds NaN"},
        {"Infinity", [](Model& m) { Weights(m)->set_float_data(1, std::numeric_limits<float>::infinity()); }, kInvalid,
         "tensor \"w\" holds infinite"},
        {"RawNaN",
         [](Model& m) {
           const std::vector<float> values = {1, 2, 3, std::nanf("")};
           *Weights(m) = FloatProto("w", {2, 2}, values);
         },
         kInvalid, "tensor \"w\" holds NaN"},
        {"HalfNaN",
         [](Model& m) {
           Weights(m)->clear_float_data();
           Weights(m)->set_data_type(onnx::TensorProto::FLOAT16);
           for (const int bits : {0, 0x7e00, 0, 0}) Weights(m)->add_int32_data(bits);
         },
         kInvalid, "tensor \"w\" holds NaN"},
    }),
    NameOf);

void SetNumbers(onnx::NodeProto* node, const char* name, int64_t number) {
  onnx::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::INTS);
  attribute->add_ints(number);
}

// ONNX divides by some of these without looking.
INSTANTIATE_TEST_SUITE_P(
    B01Windows, BadModelTest,
    ::testing::ValuesIn<Case>({
        {"NoStride", [](Model& m) { SetNumbers(First(m), "strides", 0); }, kInvalid,
         "\"first\" (MatMul): attribute \"strides\" has 0"},
        {"HugeDilation", [](Model& m) { SetNumbers(First(m), "dilations", int64_t{1} << 62); }, kInvalid,
         "\"dilations\" has 4611686018427387904"},
        {"NegativeKernel", [](Model& m) { SetNumbers(First(m), "kernel_shape", -1); }, kInvalid, "\"kernel_shape\""},
        {"HugePad", [](Model& m) { SetNumbers(First(m), "pads", std::numeric_limits<int64_t>::min()); }, kInvalid,
         "\"pads\""},
        {"InANestedGraph",
         [](Model& m) {
           onnx::NodeProto* node = AddBranch(Last(m), "body")->add_node();
           node->set_op_type("Relu");
           SetNumbers(node, "strides", 0);
         },
         kInvalid, "\"strides\" has 0"},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(Functions, BadModelTest,
                         ::testing::ValuesIn<Case>({
                             {"CallsItself", [](Model& m) { AddCall(AddFunction(m, "f"), "f", "o"); }, kInvalid,
                              "function \"f\" calls itself"},
                             {"CallEachOther",
                              [](Model& m) {
                                AddCall(AddFunction(m, "f"), "g", "o");
                                AddCall(AddFunction(m, "g"), "f", "o");
                              },
                              kInvalid, "calls itself"},
                             {"BillionNodes",
                              [](Model& m) {
                                for (int i = 0; i < 30; ++i) {
                                  onnx::FunctionProto* function = AddFunction(m, absl::StrCat("f", i));
                                  for (int k = 0; k < 3; ++k) {
                                    const std::string output = k == 0 ? "o" : absl::StrCat("t", k);
                                    AddCall(function, absl::StrCat("f", i + 1), output);
                                  }
                                }
                              },
                              kInvalid, "nodes that are allowed"},
                         }),
                         NameOf);

TEST(LoadModelTest, GoodModelIsTaken) {
  EXPECT_THAT(ParseModel(GoodModel().SerializeAsString(), "good.onnx", ModelLimits()), IsOk());
}

TEST(LoadModelTest, OneInfiniteNumberIsABound) {
  onnx::ModelProto model = ParseOnnxText(
      "g (float[2] x) => (float[2] y) <float low = {0}, float high = {1}> "
      "{ y = Clip(x, low, high) }");
  model.mutable_graph()->mutable_initializer(1)->set_float_data(0, std::numeric_limits<float>::infinity());
  EXPECT_THAT(ParseModel(model.SerializeAsString(), "m", ModelLimits()), IsOk());
}

TEST(LoadModelTest, NodesMayComeInAnyOrder) {
  onnx::ModelProto model = GoodModel();
  model.mutable_graph()->mutable_node()->SwapElements(0, 1);
  ASSERT_OK_AND_ASSIGN(const onnx::ModelProto parsed, ParseModel(model.SerializeAsString(), "m", ModelLimits()));
  EXPECT_EQ(parsed.graph().node(0).name(), "first");
}

TEST(LoadModelTest, WhatIsNotAModelSaysSo) {
  const auto parse = [](absl::string_view bytes) { return ParseModel(bytes, "f", ModelLimits()).status(); };
  EXPECT_THAT(parse(""), StatusIs(kInvalid, HasSubstr("f: the file is empty")));
  EXPECT_THAT(parse("\x89PNG\r\n\x1a\n"), StatusIs(kInvalid, HasSubstr("not an ONNX model")));
  EXPECT_THAT(parse("hello, this is some text"), StatusIs(kInvalid, HasSubstr("not an ONNX model")));
  EXPECT_THAT(parse(std::string(1000, '\0')), StatusIs(kInvalid, HasSubstr("not an ONNX model")));
}

TEST(LoadModelTest, EveryTruncationIsAnError) {
  const std::string bytes = GoodModel().SerializeAsString();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ParseModel(bytes.substr(0, size), "f", ModelLimits()).ok()) << size;
  }
  EXPECT_THAT(ParseModel(bytes.substr(0, bytes.size() / 2), "f", ModelLimits()),
              StatusIs(kInvalid, HasSubstr("truncated")));
}

TEST(LoadModelTest, FlippedBitsDoNotCrash) {
  const std::string bytes = GoodModel().SerializeAsString();
  int num_refused = 0;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(static_cast<unsigned char>(flipped[bit / 8]) ^ (1U << (bit % 8)));
    if (!ParseModel(flipped, "f", ModelLimits()).ok()) ++num_refused;
  }
  EXPECT_GT(num_refused, static_cast<int>(bytes.size()));
}

TEST(LoadModelTest, DeepNestingIsRefused) {
  for (const int depth : {17, 30}) {
    onnx::ModelProto model = GoodModel();
    onnx::NodeProto* node = model.mutable_graph()->add_node();
    for (int i = 0; i < depth; ++i) {
      node->set_op_type("If");
      node->add_input("x");
      node->add_output(absl::StrCat("t", i));
      node = AddBranch(node, "then_branch")->add_node();
    }
    EXPECT_THAT(ParseModel(model.SerializeAsString(), "f", ModelLimits()),
                StatusIs(kInvalid, HasSubstr("nested more than 16 deep")));
  }
}

TEST(LoadModelTest, NestingBombIsRefused) {
  // Written from the inside out: each round wraps graph { node { attribute { g: ... } } }.
  const auto wrap = [](char tag, const std::string& body) {
    std::string size;
    for (size_t left = body.size(); true; left >>= 7U) {
      size.push_back(static_cast<char>((left & 0x7fU) | (left > 0x7f ? 0x80U : 0U)));
      if (left <= 0x7f) break;
    }
    return std::string(1, tag) + size + body;
  };
  std::string graph;
  for (int i = 0; i < 1000; ++i) graph = wrap('\x0a', wrap('\x2a', wrap('\x32', graph)));
  const std::string bytes = std::string("\x08\x0a", 2) + wrap('\x3a', graph);
  EXPECT_THAT(ParseModel(bytes, "f", ModelLimits()), StatusIs(kInvalid, HasSubstr("nests graphs far too deeply")));
}

TEST(LoadModelTest, LimitsHold) {
  const std::string bytes = GoodModel().SerializeAsString();
  ModelLimits limits;
  limits.max_bytes = 10;
  EXPECT_THAT(ParseModel(bytes, "f", limits), StatusIs(kInvalid, HasSubstr("the limit is 10")));
  limits = ModelLimits();
  limits.max_nodes = 1;
  EXPECT_THAT(ParseModel(bytes, "f", limits), StatusIs(kInvalid, HasSubstr("more than the 1 nodes")));
  limits = ModelLimits();
  limits.max_tensor_elements = 3;
  EXPECT_THAT(ParseModel(bytes, "f", limits), StatusIs(kInvalid, HasSubstr("\"w\"")));
}

TEST(LoadModelTest, ReadsFiles) {
  const ::joinery::testing::TemporaryFolder folder;
  const std::string path = folder / "m.onnx";
  ASSERT_THAT(base::WriteFileAtomically(path, GoodModel().SerializeAsString()), IsOk());
  EXPECT_THAT(LoadModel(path, ModelLimits()), IsOk());
  ModelLimits limits;
  limits.max_bytes = 10;
  EXPECT_THAT(LoadModel(path, limits), StatusIs(kInvalid, HasSubstr("m.onnx")));
  EXPECT_THAT(LoadModel(folder / "none.onnx", limits), StatusIs(absl::StatusCode::kNotFound, HasSubstr("none.onnx")));
}

}  // namespace
}  // namespace joinery::compiler
