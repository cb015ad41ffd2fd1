#include "compiler/calibration/npy_header.h"

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "compiler/calibration/member_name.h"

namespace joinery::compiler {
namespace {

constexpr size_t kMaxHeaderSize = 64 * 1024;
constexpr size_t kMaxRank = 8;

constexpr NpyElementType kElementTypes[] = {
    {"u1", onnx::TensorProto::UINT8, 1},  {"i1", onnx::TensorProto::INT8, 1},    {"u2", onnx::TensorProto::UINT16, 2},
    {"i2", onnx::TensorProto::INT16, 2},  {"u4", onnx::TensorProto::UINT32, 4},  {"i4", onnx::TensorProto::INT32, 4},
    {"i8", onnx::TensorProto::INT64, 8},  {"f2", onnx::TensorProto::FLOAT16, 2}, {"f4", onnx::TensorProto::FLOAT, 4},
    {"f8", onnx::TensorProto::DOUBLE, 8},
};

// Reads exactly what NumPy writes, from the front of `text_`.
class HeaderParser {
 public:
  explicit HeaderParser(absl::string_view text) : text_(text) {}

  absl::StatusOr<NpyHeader> Parse() {
    NpyHeader header;
    RETURN_IF_ERROR(Expect("{"));
    while (!Accept("}")) {
      ASSIGN_OR_RETURN(const std::string key, String());
      RETURN_IF_ERROR(Expect(":"));
      RETURN_IF_ERROR(Value(key, header));
      if (Accept(",")) continue;
      RETURN_IF_ERROR(Expect("}"));
      break;
    }
    Skip();
    if (!text_.empty()) return MalformedNpy("its header goes on after its end");
    if (header.descr.empty() || !has_order_ || !has_shape_) {
      return MalformedNpy("its header lacks descr, fortran_order or shape");
    }
    return header;
  }

 private:
  absl::Status Value(const std::string& key, NpyHeader& header) {
    if (key == "descr") {
      Skip();
      // A list describes records of several fields.
      if (absl::StartsWith(text_, "[")) return absl::InvalidArgumentError("has records; save one plain array");
      ASSIGN_OR_RETURN(header.descr, String());
      return absl::OkStatus();
    }
    if (key == "fortran_order") {
      has_order_ = true;
      header.fortran_order = Accept("True");
      return header.fortran_order ? absl::OkStatus() : Expect("False");
    }
    if (key == "shape" && !has_shape_) {
      has_shape_ = true;
      return Shape(header.shape);
    }
    return MalformedNpy(absl::StrCat("its header has an unexpected key \"", ShowName(key), "\""));
  }

  absl::Status Shape(std::vector<int64_t>& shape) {
    RETURN_IF_ERROR(Expect("("));
    while (!Accept(")")) {
      Skip();
      size_t digits = 0;
      while (digits < text_.size() && absl::ascii_isdigit(static_cast<unsigned char>(text_[digits]))) ++digits;
      int64_t dimension = 0;
      if (!absl::SimpleAtoi(text_.substr(0, digits), &dimension)) return MalformedNpy("its shape is no list of sizes");
      text_.remove_prefix(digits);
      if (shape.size() == kMaxRank) return MalformedNpy(absl::StrCat("it has more than ", kMaxRank, " dimensions"));
      shape.push_back(dimension);
      if (Accept(",")) continue;
      return Expect(")");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> String() {
    Skip();
    const char quote = text_.empty() ? '\0' : text_[0];
    if (quote != '\'' && quote != '"') return MalformedNpy("its header is no dictionary as NumPy writes it");
    const size_t end = text_.find(quote, 1);
    if (end == absl::string_view::npos) return MalformedNpy("a text in its header has no end");
    std::string result(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return result;
  }

  void Skip() { text_ = absl::StripLeadingAsciiWhitespace(text_); }

  bool Accept(absl::string_view token) {
    Skip();
    return absl::ConsumePrefix(&text_, token);
  }

  absl::Status Expect(absl::string_view token) {
    if (Accept(token)) return absl::OkStatus();
    return MalformedNpy(absl::StrCat("its header lacks \"", token, "\""));
  }

  absl::string_view text_;
  bool has_order_ = false;
  bool has_shape_ = false;
};

}  // namespace

absl::StatusOr<NpyHeader> TakeNpyHeader(absl::string_view& bytes) {
  if (!absl::ConsumePrefix(&bytes, kNpyMagic)) return MalformedNpy("it does not begin like one");
  if (bytes.size() < 2) return MalformedNpy("it ends early");
  const int version = static_cast<unsigned char>(bytes[0]);
  if (version < 1 || version > 3) return MalformedNpy(absl::StrCat("version ", version, " is not known"));
  bytes.remove_prefix(2);
  const size_t length_size = version == 1 ? 2 : 4;
  if (bytes.size() < length_size) return MalformedNpy("it ends early");
  size_t length = 0;
  for (size_t i = 0; i < length_size; ++i) length |= size_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  bytes.remove_prefix(length_size);
  if (length > kMaxHeaderSize) return MalformedNpy(absl::StrCat("its header of ", length, " bytes is too long"));
  if (bytes.size() < length) return MalformedNpy("it ends early");
  const absl::string_view text = bytes.substr(0, length);
  bytes.remove_prefix(length);
  return HeaderParser(text).Parse();
}

absl::StatusOr<NpyElementType> ParseNpyElementType(absl::string_view descr) {
  if (absl::StartsWith(descr, ">")) {
    return absl::InvalidArgumentError(
        absl::StrCat("has big-endian elements (", ShowName(descr), "); save it little-endian"));
  }
  if (absl::StrContains(descr, "O")) {
    return absl::InvalidArgumentError(
        "holds Python objects (dtype object); save plain numbers, or a dictionary of arrays of plain numbers");
  }
  absl::string_view name = descr;
  if (absl::StartsWith(name, "<") || absl::StartsWith(name, "|")) name.remove_prefix(1);
  for (const NpyElementType& type : kElementTypes) {
    if (type.name == name) return type;
  }
  return absl::InvalidArgumentError(absl::StrCat("has elements of type \"", ShowName(descr),
                                                 "\"; supported are u1, i1, u2, i2, u4, i4, i8, f2, f4 and f8"));
}

absl::string_view NpyElementTypeName(int32_t element_type) {
  for (const NpyElementType& known : kElementTypes) {
    if (known.element_type == element_type) return known.name;
  }
  return "";
}

absl::Status CheckNpySize(const std::vector<int64_t>& shape, int64_t element_size, size_t bytes) {
  int64_t needed = element_size;
  for (const int64_t dimension : shape) {
    if (dimension < 0) return MalformedNpy("its shape is no list of sizes");
    if (dimension != 0 && needed > std::numeric_limits<int64_t>::max() / dimension) {
      return MalformedNpy(absl::StrCat("its shape (", absl::StrJoin(shape, ", "), ") is too large"));
    }
    needed *= dimension;
  }
  if (static_cast<uint64_t>(needed) == bytes) return absl::OkStatus();
  return MalformedNpy(absl::StrCat("it has ", bytes, " bytes of elements, and its shape needs ", needed));
}

absl::Status MalformedNpy(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("is no proper npy file: ", what));
}

}  // namespace joinery::compiler
