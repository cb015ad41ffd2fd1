#include "compiler/frontend/import_model.h"

#include <string>
#include <vector>

#include "compiler/frontend/load_model.h"
#include "compiler/frontend/random_feed.h"
#include "compiler/frontend/simplify.h"
#include "compiler/frontend/verify_equivalence.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

absl::StatusOr<Imported> Import(const std::string& text, std::vector<std::string> shapes = {}, int opset = 13) {
  ImportOptions options;
  options.input_shapes = std::move(shapes);
  return ImportModel(ParseOnnxText(text, opset), options);
}

constexpr char kDynamic[] = "g (float[N,3,H,W] x) => (float[N,3,H,W] y) { y = Relu(x) }";
constexpr char kTwoInputs[] = "g (float[N,2] a, float[N,2] b) => (float[N,2] y) { y = Add(a, b) }";

TEST(ImportModelTest, GivenShapesAreTaken) {
  for (const char* shape : {"x:1x3x8x16", "1x3x8x16"}) {
    ASSERT_OK_AND_ASSIGN(Imported imported, Import(kDynamic, {shape}));
    EXPECT_EQ(imported.graph.Shape("y"), (std::vector<int64_t>{1, 3, 8, 16}));
  }
}

TEST(ImportModelTest, OpenShapeSaysWhatToGive) {
  EXPECT_THAT(Import(kDynamic), StatusIs(kInvalid, AllOf(HasSubstr("\"x\""), HasSubstr("Nx3xHxW"),
                                                         HasSubstr("--input-shape x:1x3x640x640"))));
}

TEST(ImportModelTest, OpenBatchIsOne) {
  ASSERT_OK_AND_ASSIGN(Imported imported, Import("g (float[N,3] x) => (float[N,3] y) { y = Relu(x) }"));
  EXPECT_EQ(imported.graph.Shape("y"), (std::vector<int64_t>{1, 3}));
  EXPECT_THAT(imported.notes, ElementsAre(HasSubstr("\"x\"")));
}

TEST(ImportModelTest, SameSymbolIsFixedInAllInputs) {
  ASSERT_OK_AND_ASSIGN(Imported imported, Import(kTwoInputs, {"a:4x2"}));
  EXPECT_EQ(imported.graph.Shape("b"), (std::vector<int64_t>{4, 2}));
  EXPECT_THAT(Import(kTwoInputs, {"a:4x2", "b:5x2"}), StatusIs(kInvalid, HasSubstr("\"b\"")));
}

TEST(ImportModelTest, BadShapesAreErrors) {
  EXPECT_THAT(Import(kDynamic, {"x:1x4x8x8"}),
              StatusIs(kInvalid, AllOf(HasSubstr("dimension 1"), HasSubstr("Nx3xHxW"))));
  EXPECT_THAT(Import(kDynamic, {"x:1x3x8"}), StatusIs(kInvalid, HasSubstr("has 3 dimensions")));
  EXPECT_THAT(Import(kDynamic, {"z:1x3x8x8"}), StatusIs(kInvalid, HasSubstr("inputs are \"x\"")));
  EXPECT_THAT(Import(kTwoInputs, {"1x2"}), StatusIs(kInvalid, HasSubstr("needs a name")));
  EXPECT_THAT(Import(kDynamic, {"x:1x3x8x8", "x:1x3x8x8"}), StatusIs(kInvalid, HasSubstr("two shapes")));
  for (const char* bad :
       {"x:1x3x8x", "x:1x3x8x-8", "x:1x3x8x0", "x:axb", "x:1,3,8,8", "x:1x3x8x99999999999999999999"}) {
    EXPECT_THAT(Import(kDynamic, {bad}), StatusIs(kInvalid, HasSubstr(bad)));
  }
  EXPECT_THAT(Import(kDynamic, {"x:1x3x1000000000x1000000000"}), StatusIs(kInvalid, HasSubstr("impossible shape")));
}

TEST(ImportModelTest, ShapesThatDoNotFitNameTheNode) {
  EXPECT_THAT(Import("g (float[2,3] x, float[4,5] z) => (float[a,b] y) { [product] y = MatMul(x, z) }"),
              StatusIs(kInvalid, HasSubstr("product")));
}

TEST(ImportModelTest, HugeIntermediateIsAnError) {
  EXPECT_THAT(Import("g (float[100000,1] x, float[1,100000] z) => (float[a,b] y) { y = MatMul(x, z) }"),
              StatusIs(kInvalid, HasSubstr("\"y\"")));
}

TEST(ImportModelTest, InputsWithDefaultsBecomeConstants) {
  onnx::ModelProto model =
      ParseOnnxText("g (float[2] x, float[2] w) => (float[2] y) <float[2] v = {1, 2}> { y = Add(x, w) }");
  model.mutable_graph()->mutable_initializer(0)->set_name("w");
  model.set_ir_version(3);
  ASSERT_OK_AND_ASSIGN(Imported imported, ImportModel(model, ImportOptions()));
  EXPECT_EQ(imported.graph.proto().input_size(), 1);
  EXPECT_NE(imported.graph.Initializer("w"), nullptr);
  EXPECT_EQ(imported.graph.model().ir_version(), 10);
  EXPECT_THAT(imported.notes, IsEmpty());
  model.set_ir_version(8);
  ASSERT_OK_AND_ASSIGN(const Imported newer, ImportModel(model, ImportOptions()));
  EXPECT_THAT(newer.notes, ElementsAre(HasSubstr("\"w\"")));
}

TEST(ImportModelTest, OpsetIsRaisedAndNamesStay) {
  const std::string text =
      "g (float[1,2,3] x) => (float[1,6] y) { [squeeze] \"12\" = Squeeze<axes = [0]>(x) [open] \"13\" = Unsqueeze<axes "
      "= "
      "[0]>(\"12\") "
      "[flat] y = Flatten(\"13\") }";
  onnx::ModelProto original = ParseOnnxText(text, 11);
  ASSERT_OK_AND_ASSIGN(Imported imported, ImportModel(original, ImportOptions()));
  EXPECT_EQ(OpsetVersion(imported.graph.model()), 13);
  ASSERT_NE(imported.graph.Producer("12"), nullptr);
  EXPECT_EQ(imported.graph.Producer("12")->name(), "squeeze");
  EXPECT_EQ(imported.graph.Producer("13")->name(), "open");
  EXPECT_EQ(imported.graph.Producer("y")->name(), "flat");
  EXPECT_THAT(imported.notes, ElementsAre(HasSubstr("from opset 11 to 13")));
  ASSERT_OK_AND_ASSIGN(EquivalenceChecker checker, EquivalenceChecker::Create(original, imported.graph.model(), 1));
  ASSERT_OK_AND_ASSIGN(const std::vector<Tensor> feed, RandomFeed(checker.inputs(), 1));
  EXPECT_THAT(checker.Check(feed), IsOk());
}

TEST(ImportModelTest, LargeWeightsSurviveTheConversion) {
  onnx::ModelProto model = ParseOnnxText("g (float[1,64] x) => (float[1,64] y) { y = MatMul(x, w) }", 11);
  const std::vector<float> values(64 * 64, 0.5F);
  *model.mutable_graph()->add_initializer() = FloatProto("w", {64, 64}, values);
  ASSERT_OK_AND_ASSIGN(Imported imported, ImportModel(model, ImportOptions()));
  ASSERT_NE(imported.graph.Initializer("w"), nullptr);
  EXPECT_THAT(FloatValues(*imported.graph.Initializer("w")), IsOkAndHolds(values));
}

TEST(ImportModelTest, NodeNamesAreMadeUnique) {
  ASSERT_OK_AND_ASSIGN(Imported imported, Import("g (float[2] x) => (float[2] y) { [n] a = Relu(x) [n] y = Neg(a) }"));
  EXPECT_EQ(imported.graph.proto().node(0).name(), "n");
  EXPECT_EQ(imported.graph.proto().node(1).name(), "n_1");
  EXPECT_THAT(imported.notes, ElementsAre(HasSubstr("\"n_1\"")));
}

TEST(ImportModelTest, FunctionsAreWrittenOut) {
  onnx::ModelProto model;
  const char* text = R"(<ir_version: 10, opset_import: ["" : 13, "local" : 1]>
    g (float[2] x) => (float[2] y) { y = local.twice(x) }
    <domain: "local", opset_import: ["" : 13]> twice (a) => (b) { b = Add(a, a) })";
  ASSERT_TRUE(onnx::OnnxParser::Parse(model, text).IsOK());
  ASSERT_OK_AND_ASSIGN(const Imported imported, ImportModel(model, ImportOptions()));
  ASSERT_EQ(imported.graph.proto().node_size(), 1);
  EXPECT_EQ(imported.graph.proto().node(0).op_type(), "Add");
  EXPECT_EQ(imported.graph.model().functions_size(), 0);
}

TEST(SimplifyTest, RunsPassesUntilNothingIsLeftToDo) {
  // The padding's size is computed from the input's shape, as exporters write it.
  ASSERT_OK_AND_ASSIGN(
      Imported imported,
      Import("g (float[1,1,4,4] x) => (float[a,b,c,d] y) <float[1,1,3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}, "
             "float[1] scale = {2}, float[1] shift = {1}, float[1] mean = {0}, float[1] variance = {1}> { "
             "i = Constant<value = int64 {2}>() s = Shape(x) h = Gather(s, i) "
             "o = Constant<value = int64 {4}>() q = Div(h, o) axis = Constant<value = int64[1] {0}>() "
             "r = Unsqueeze(q, axis) z = Constant<value = int64[2] {0, 0}>() p = Concat<axis = 0>(z, r, r, z, r, r) "
             "t = Pad(x, p) u = Conv(t, w) v = BatchNormalization(u, scale, shift, mean, variance) y = Identity(v) }"));
  ASSERT_OK_AND_ASSIGN(const std::vector<PassReport> reports, Simplify(imported.graph));
  ASSERT_EQ(imported.graph.proto().node_size(), 1);
  const onnx::NodeProto& conv = imported.graph.proto().node(0);
  EXPECT_EQ(conv.op_type(), "Conv");
  EXPECT_EQ(conv.output(0), "y");
  EXPECT_EQ(IntsAttribute(conv, "pads"), (std::vector<int64_t>{1, 1, 1, 1}));
  EXPECT_EQ(imported.graph.Shape("y"), (std::vector<int64_t>{1, 1, 4, 4}));
  int total = 0;
  for (const PassReport& report : reports) total += report.rewrites;
  EXPECT_GE(total, 4);
}

TEST(ImportModelTest, WeightsOfAnotherRankThanTheInputAreAnError) {
  ASSERT_OK_AND_ASSIGN(onnx::ModelProto model,
                       ParseModel(ParseOnnxText("g (float[1,1,4] x) => (float[a,b,c] y) "
                                                "<float[1,1,1,1,1,1] w = {2}> { y = Conv(x, w) }")
                                      .SerializeAsString(),
                                  "m.onnx", ModelLimits()));
  EXPECT_THAT(ImportModel(std::move(model), ImportOptions()).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("shapes do not fit")));
}

TEST(ImportModelTest, ComputedWeightsHaveToStateTheirKernel) {
  ASSERT_OK_AND_ASSIGN(onnx::ModelProto model,
                       ParseModel(ParseOnnxText("g (float[1,1,4] x, float[1,1,1] v) => (float[a,b,c] y) "
                                                "{ w = Relu(v) y = Conv(x, w) }")
                                      .SerializeAsString(),
                                  "m.onnx", ModelLimits()));
  EXPECT_THAT(ImportModel(std::move(model), ImportOptions()).status(),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("kernel_shape")));
}

TEST(SimplifyTest, DamagedModelsDoNotCrash) {
  const std::string bytes = ParseOnnxText(
                                "g (float[1,1,4,4] x) => (float[a,b,c,d] y) <float[1,1,1,1] w = {2}> { "
                                "s = Shape(x) p = Concat<axis = 0>(s, s) q = Sub(p, p) t = Pad(x, q) "
                                "c = Conv<pads = [0,0,0,0]>(t, w) u = Mul(c, w) y = Relu(u) }")
                                .SerializeAsString();
  int num_taken = 0;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(static_cast<unsigned char>(flipped[bit / 8]) ^ (1U << (bit % 8)));
    absl::StatusOr<onnx::ModelProto> model = ParseModel(flipped, "flipped", ModelLimits());
    if (!model.ok()) continue;
    absl::StatusOr<Imported> imported = ImportModel(*std::move(model), ImportOptions());
    if (imported.ok() && Simplify(imported->graph).ok()) ++num_taken;
  }
  EXPECT_GT(num_taken, 0);
}

TEST(SimplifyTest, TimeGrowsWithTheSizeOfTheGraphOnly) {
  constexpr int kNodes = 30'000;
  onnx::ModelProto model = ParseOnnxText("g (float[1] x) => (float[1] y) { t0 = Relu(x) }");
  for (int i = 0; i < kNodes; ++i) {
    onnx::NodeProto* node = model.mutable_graph()->add_node();
    node->set_op_type(i % 3 == 0 ? "Neg" : "Identity");
    node->add_input("t" + std::to_string(i));
    node->add_output(i + 1 == kNodes ? "y" : "t" + std::to_string(i + 1));
  }
  ASSERT_OK_AND_ASSIGN(model, ParseModel(model.SerializeAsString(), "long", ModelLimits()));
  ASSERT_OK_AND_ASSIGN(Imported imported, ImportModel(std::move(model), ImportOptions()));
  ASSERT_THAT(Simplify(imported.graph), IsOk());
  EXPECT_EQ(imported.graph.proto().node_size(), 1 + kNodes / 3);
}

}  // namespace
}  // namespace joinery::compiler
