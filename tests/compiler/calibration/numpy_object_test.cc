#include "compiler/calibration/numpy_object.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "compiler/calibration/pickle.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// numpy.array({"x": numpy.array([1, -2], "f4"), "state": numpy.array([[200, 7]], "u1")}, object) as each protocol of
// Python's pickles has it: 2 and 3 are NumPy 1's, 4 is what NumPy 2 saves.
constexpr char kProtocolTwo[] =
    "8002636e756d70792e636f72652e6d756c746961727261790a5f7265636f6e7374727563740a7100636e756d70790a6e646172726179"
    "0a71014b00857102635f636f646563730a656e636f64650a7103580100000062710458060000006c6174696e31710586710652710787"
    "7108527109284b0129636e756d70790a64747970650a710a58020000004f38710b898887710c52710d284b0358010000007c710e4e4e"
    "4e4affffffff4affffffff4b3f74710f62895d71107d7111285801000000787112680068014b008571136807877114527115284b014b"
    "02857116680a5802000000663471178988877118527119284b0358010000003c711a4e4e4e4affffffff4affffffff4b0074711b6289"
    "6803580a0000000000c2803f000000c380711c680586711d52711e74711f62580500000073746174657120680068014b008571216807"
    "877122527123284b014b014b02867124680a5802000000753171258988877126527127284b03680e4e4e4e4affffffff4affffffff4b"
    "00747128628968035803000000c388077129680586712a52712b74712c62756174712d622e";

constexpr char kProtocolThree[] =
    "8003636e756d70792e636f72652e6d756c746961727261790a5f7265636f6e7374727563740a7100636e756d70790a6e646172726179"
    "0a71014b008571024301627103877104527105284b0129636e756d70790a64747970650a710658020000004f38710789888771085271"
    "09284b0358010000007c710a4e4e4e4affffffff4affffffff4b3f74710b62895d710c7d710d28580100000078710e680068014b0085"
    "710f6803877110527111284b014b0285711268065802000000663471138988877114527115284b0358010000003c71164e4e4e4affff"
    "ffff4affffffff4b00747117628943080000803f000000c071187471196258050000007374617465711a680068014b0085711b680387"
    "711c52711d284b014b014b0286711e680658020000007531711f8988877120527121284b03680a4e4e4e4affffffff4affffffff4b00"
    "74712262894302c8077123747124627561747125622e";

constexpr char kProtocolFour[] =
    "80049524010000000000008c166e756d70792e5f636f72652e6d756c74696172726179948c0c5f7265636f6e7374727563749493948c"
    "056e756d7079948c076e6461727261799493944b0085944301629487945294284b012968038c0564747970659493948c024f38948988"
    "87945294284b038c017c944e4e4e4affffffff4affffffff4b3f749462895d947d94288c017894680268054b00859468078794529428"
    "4b014b028594680b8c02663494898887945294284b038c013c944e4e4e4affffffff4affffffff4b007494628943080000803f000000"
    "c0947494628c05737461746594680268054b008594680787945294284b014b014b028694680b8c02753194898887945294284b03680f"
    "4e4e4e4affffffff4affffffff4b00749462894302c8079474946275617494622e";

constexpr char kProtocolFive[] =
    "80059540010000000000008c166e756d70792e5f636f72652e6d756c74696172726179948c0c5f7265636f6e7374727563749493948c"
    "056e756d7079948c076e6461727261799493944b0085944301629487945294284b012968038c0564747970659493948c024f38948988"
    "87945294284b038c017c944e4e4e4affffffff4affffffff4b3f749462895d947d94288c0178948c136e756d70792e5f636f72652e6e"
    "756d65726963948c0b5f66726f6d627566666572949394289608000000000000000000803f000000c094680b8c026634948988879452"
    "94284b038c013c944e4e4e4affffffff4affffffff4b007494624b0285948c014394749452948c057374617465946816289602000000"
    "00000000c80794680b8c02753194898887945294284b03680f4e4e4e4affffffff4affffffff4b007494624b014b028694681e749452"
    "9475617494622e";

std::string Header() { return "{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"; }

std::string File(const std::string& pickle) {
  return absl::StrCat(std::string("\x93NUMPY\1\0", 8), std::string(1, static_cast<char>(Header().size())),
                      std::string(1, '\0'), Header(), pickle);
}

std::string Saved(const char* hex) { return File(absl::HexStringToBytes(hex)); }

TEST(NumpyObjectTest, ReadsTheArraysOfEveryProtocol) {
  for (const char* hex : {kProtocolTwo, kProtocolThree, kProtocolFour, kProtocolFive}) {
    ASSERT_TRUE(IsNumpyObject(Saved(hex)));
    ASSERT_OK_AND_ASSIGN(const Tensor x, ParseNumpyObject(Saved(hex), "a.npy", "x"));
    EXPECT_THAT(x.shape, ElementsAre(2));
    EXPECT_THAT(x.values<float>(), ElementsAre(1, -2));
    ASSERT_OK_AND_ASSIGN(const Tensor state, ParseNumpyObject(Saved(hex), "a.npy", "state"));
    EXPECT_EQ(state.element_type, onnx::TensorProto::UINT8);
    EXPECT_THAT(state.shape, ElementsAre(1, 2));
    EXPECT_THAT(state.values<uint8_t>(), ElementsAre(200, 7));
  }
}

TEST(NumpyObjectTest, AnArrayThatIsNotThereIsNamedWithThoseThatAre) {
  EXPECT_THAT(ParseNumpyObject(Saved(kProtocolFour), "a.npy", "image").status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith("a.npy: "), HasSubstr("no array \"image\"; it has \"x\", \"state\""))));
}

// Every byte of a pickle may be missing, and every byte may be another: nothing but an error comes of it.
TEST(NumpyObjectTest, DamagedFilesAreRefusedOrRead) {
  for (const char* hex : {kProtocolTwo, kProtocolFive}) {
    const std::string whole = absl::HexStringToBytes(hex);
    for (size_t i = 0; i < whole.size(); ++i) {
      EXPECT_FALSE(ParseNumpyObject(File(whole.substr(0, i)), "a.npy", "x").ok()) << i;
      for (const char change : {'\x01', '\x10', '\x80', '\xff'}) {
        std::string damaged = whole;
        damaged[i] = static_cast<char>(damaged[i] ^ change);
        (void)ParseNumpyObject(File(damaged), "a.npy", "x").ok();
      }
    }
  }
}

struct BadObject {
  std::string name;
  std::string pickle;
  std::string message;
};

class BadObjectTest : public ::testing::TestWithParam<BadObject> {};

TEST_P(BadObjectTest, IsRefused) {
  EXPECT_THAT(ParseNumpyObject(File(GetParam().pickle), "a.npy", "x").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

std::string Changed(const std::string& from, const std::string& to) {
  return absl::StrReplaceAll(absl::HexStringToBytes(kProtocolFour), {{from, to}});
}

INSTANTIATE_TEST_SUITE_P(
    , BadObjectTest,
    ::testing::ValuesIn<BadObject>({
        // What every warning about pickles shows: os.system("id").
        {"Call", std::string("\x80\x03") + "cos\nsystem\nX\2" + std::string("\0\0\0id\x85R.", 8),
         "something that is no array"},
        {"ObjectOfAClass", std::string("\x80\x02") + "cos\npath\n)\x81.", "opcode 0x81"},
        {"OldProtocol", std::string("\x80\x01N."), "protocol 1 is not read"},
        {"Number", std::string("\x80\x04K\x01."), "something that is no array"},
        {"OtherFunction", Changed("_reconstruct", "_reconstruc_"), "something that is no array"},
        {"OtherModule", Changed("numpy._core.multiarray", "numpy._core.multiarra_"), "something that is no array"},
        {"BigEndian", Changed("<", ">"), "big-endian"},
        {"Dates", Changed("f4", "M8"), "elements of type"},
        {"Objects", Changed("f4", "O8"), "Python objects"},
        {"TooFewBytes", Changed(std::string("C\x08\0\0\x80\x3f", 6), std::string("C\x04", 2)), "is no proper"},
        {"NoReference", Changed("h\x02", "h\x7f"), "refers to a value it has not"},
        {"EmptyStack",
         "\x80\x04"
         "R.",
         "its stack is empty"},
        {"NoMark",
         "\x80\x04"
         "t.",
         "a mark is missing"},
        {"ManyValues", "\x80\x04" + std::string(70000, 'N'), "more than 65536 values"},
        {"ManyReferences",
         std::string("\x80\x04N\x94", 4) + absl::StrReplaceAll(std::string(70000, 'h'), {{"h", std::string("h\0", 2)}}),
         "more than 65536"},
    }),
    [](const auto& test) { return test.param.name; });

// A list that holds itself.
TEST(PickleTest, CirclesAreNotFollowed) {
  ASSERT_OK_AND_ASSIGN(const Pickle pickle, ReadPickle(std::string("\x80\x04]\x94h\0a.", 8)));
  const PickleValue& list = pickle.values[pickle.result];
  EXPECT_EQ(list.kind, PickleValue::Kind::kList);
  EXPECT_THAT(list.items, ElementsAre(pickle.result));
  EXPECT_FALSE(ParseNumpyObject(File(std::string("\x80\x04]\x94h\0a.", 8)), "a.npy", "x").ok());
}

TEST(PickleTest, WholeNumbersHaveTheirSigns) {
  struct Case {
    std::string bytes;
    int64_t number;
  };
  for (const Case& c : {Case{std::string("K\xff", 2), 255}, Case{std::string("M\xff\xff", 3), 65535},
                        Case{std::string("J\xff\xff\xff\xff", 5), -1}, Case{std::string("\x8a\0", 2), 0},
                        Case{std::string("\x8a\1\xfe", 3), -2}, Case{std::string("\x8a\2\xff\0", 4), 255}}) {
    ASSERT_OK_AND_ASSIGN(const Pickle pickle, ReadPickle("\x80\x04" + c.bytes + "."));
    EXPECT_EQ(pickle.values[pickle.result].number, c.number);
  }
}

}  // namespace
}  // namespace joinery::compiler
