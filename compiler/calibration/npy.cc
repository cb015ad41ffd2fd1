#include "compiler/calibration/npy.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

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

constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kMaxHeaderSize = 64 * 1024;
constexpr size_t kMaxRank = 8;

struct ElementTypeName {
  // Without the byte order.
  absl::string_view name;
  int32_t element_type;
  int64_t size;
};

constexpr ElementTypeName kElementTypes[] = {
    {"u1", onnx::TensorProto::UINT8, 1},  {"i1", onnx::TensorProto::INT8, 1},    {"u2", onnx::TensorProto::UINT16, 2},
    {"i2", onnx::TensorProto::INT16, 2},  {"u4", onnx::TensorProto::UINT32, 4},  {"i4", onnx::TensorProto::INT32, 4},
    {"i8", onnx::TensorProto::INT64, 8},  {"f2", onnx::TensorProto::FLOAT16, 2}, {"f4", onnx::TensorProto::FLOAT, 4},
    {"f8", onnx::TensorProto::DOUBLE, 8},
};

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("is no proper npy file: ", what));
}

// What the header, a Python dictionary of three fixed keys, says.
struct Header {
  std::string descr;
  std::string fortran_order;
  std::vector<int64_t> shape;
};

// Reads exactly what NumPy writes, from the front of `text_`.
class HeaderParser {
 public:
  explicit HeaderParser(absl::string_view text) : text_(text) {}

  absl::StatusOr<Header> Parse() {
    Header header;
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
    if (!text_.empty()) return Malformed("its header goes on after its end");
    if (header.descr.empty() || header.fortran_order.empty() || !has_shape_) {
      return Malformed("its header lacks descr, fortran_order or shape");
    }
    return header;
  }

 private:
  absl::Status Value(const std::string& key, Header& header) {
    if (key == "descr") {
      Skip();
      // A list describes records of several fields.
      if (absl::StartsWith(text_, "[")) return absl::InvalidArgumentError("has records; save one plain array");
      ASSIGN_OR_RETURN(header.descr, String());
      return absl::OkStatus();
    }
    if (key == "fortran_order") {
      header.fortran_order = Accept("True") ? "True" : "False";
      return header.fortran_order == "True" ? absl::OkStatus() : Expect("False");
    }
    if (key == "shape" && !has_shape_) {
      has_shape_ = true;
      return Shape(header.shape);
    }
    return Malformed(absl::StrCat("its header has an unexpected key \"", ShowName(key), "\""));
  }

  absl::Status Shape(std::vector<int64_t>& shape) {
    RETURN_IF_ERROR(Expect("("));
    while (!Accept(")")) {
      Skip();
      size_t digits = 0;
      while (digits < text_.size() && absl::ascii_isdigit(static_cast<unsigned char>(text_[digits]))) ++digits;
      int64_t dimension = 0;
      if (!absl::SimpleAtoi(text_.substr(0, digits), &dimension)) return Malformed("its shape is no list of sizes");
      text_.remove_prefix(digits);
      if (shape.size() == kMaxRank) return Malformed(absl::StrCat("it has more than ", kMaxRank, " dimensions"));
      shape.push_back(dimension);
      if (Accept(",")) continue;
      return Expect(")");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> String() {
    Skip();
    const char quote = text_.empty() ? '\0' : text_[0];
    if (quote != '\'' && quote != '"') return Malformed("its header is no dictionary as NumPy writes it");
    const size_t end = text_.find(quote, 1);
    if (end == absl::string_view::npos) return Malformed("a text in its header has no end");
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
    return Malformed(absl::StrCat("its header lacks \"", token, "\""));
  }

  absl::string_view text_;
  bool has_shape_ = false;
};

// Takes magic, version and header off the front of `bytes`.
absl::StatusOr<Header> TakeHeader(absl::string_view& bytes) {
  if (!absl::ConsumePrefix(&bytes, kMagic)) return Malformed("it does not begin like one");
  if (bytes.size() < 2) return Malformed("it ends early");
  const int version = static_cast<unsigned char>(bytes[0]);
  if (version < 1 || version > 3) return Malformed(absl::StrCat("version ", version, " is not known"));
  bytes.remove_prefix(2);
  const size_t length_size = version == 1 ? 2 : 4;
  if (bytes.size() < length_size) return Malformed("it ends early");
  size_t length = 0;
  for (size_t i = 0; i < length_size; ++i) length |= size_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  bytes.remove_prefix(length_size);
  if (length > kMaxHeaderSize) return Malformed(absl::StrCat("its header of ", length, " bytes is too long"));
  if (bytes.size() < length) return Malformed("it ends early");
  const absl::string_view text = bytes.substr(0, length);
  bytes.remove_prefix(length);
  return HeaderParser(text).Parse();
}

absl::StatusOr<ElementTypeName> ParseDescr(absl::string_view descr) {
  if (absl::StartsWith(descr, ">")) {
    return absl::InvalidArgumentError(
        absl::StrCat("has big-endian elements (", ShowName(descr), "); save it little-endian"));
  }
  if (absl::StrContains(descr, "O")) {
    return absl::InvalidArgumentError(
        "holds Python objects (dtype object), which are never loaded; save plain numbers");
  }
  absl::string_view name = descr;
  if (absl::StartsWith(name, "<") || absl::StartsWith(name, "|")) name.remove_prefix(1);
  for (const ElementTypeName& type : kElementTypes) {
    if (type.name == name) return type;
  }
  return absl::InvalidArgumentError(absl::StrCat("has elements of type \"", ShowName(descr),
                                                 "\"; supported are u1, i1, u2, i2, u4, i4, i8, f2, f4 and f8"));
}

// kInvalidArgument if `shape` needs more bytes than fit into an int64_t.
absl::StatusOr<int64_t> BytesNeeded(const std::vector<int64_t>& shape, int64_t element_size) {
  int64_t bytes = element_size;
  for (const int64_t dimension : shape) {
    if (dimension != 0 && bytes > std::numeric_limits<int64_t>::max() / dimension) {
      return Malformed(absl::StrCat("its shape (", absl::StrJoin(shape, ", "), ") is too large"));
    }
    bytes *= dimension;
  }
  return bytes;
}

absl::StatusOr<Tensor> Parse(absl::string_view bytes) {
  ASSIGN_OR_RETURN(const Header header, TakeHeader(bytes));
  ASSIGN_OR_RETURN(const ElementTypeName type, ParseDescr(header.descr));
  if (header.fortran_order == "True" && header.shape.size() > 1) {
    return absl::InvalidArgumentError("is in Fortran order; save numpy.ascontiguousarray(array)");
  }
  ASSIGN_OR_RETURN(const int64_t needed, BytesNeeded(header.shape, type.size));
  if (static_cast<uint64_t>(needed) != bytes.size()) {
    return Malformed(absl::StrCat("it has ", bytes.size(), " bytes of elements, and its shape needs ", needed));
  }
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  return Tensor{type.element_type, header.shape, std::vector<std::byte>(begin, begin + bytes.size())};
}

}  // namespace

absl::StatusOr<Tensor> ParseNpy(absl::string_view bytes, absl::string_view name) {
  absl::StatusOr<Tensor> tensor = Parse(bytes);
  if (!tensor.ok()) return base::Annotate(tensor.status(), ShowName(name));
  return tensor;
}

std::string FormatNpy(const Tensor& tensor) {
  absl::string_view type;
  for (const ElementTypeName& known : kElementTypes) {
    if (known.element_type == tensor.element_type) type = known.name;
  }
  const absl::string_view order = absl::EndsWith(type, "1") ? "|" : "<";
  std::string header = absl::StrCat("{'descr': '", order, type, "', 'fortran_order': False, 'shape': (",
                                    absl::StrJoin(tensor.shape, ", "), tensor.shape.size() == 1 ? ",), }" : "), }");
  // The elements begin at a multiple of 64, as the format asks for.
  constexpr size_t kBefore = 10;
  header.append(63 - (kBefore + header.size()) % 64, ' ');
  header.push_back('\n');
  std::string bytes(kMagic);
  bytes.append({'\x01', '\x00', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)});
  bytes.append(header);
  bytes.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  return bytes;
}

}  // namespace joinery::compiler
