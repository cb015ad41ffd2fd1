#include "compiler/calibration/numpy_object.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "compiler/calibration/member_name.h"
#include "compiler/calibration/npy_header.h"
#include "compiler/calibration/pickle.h"

namespace joinery::compiler {
namespace {

using Kind = PickleValue::Kind;

absl::Status Refused(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("holds ", what, "; save numpy.save(file, {\"input\": array, ...}) with arrays of plain numbers"));
}

// The values of a pickle, by their meaning to NumPy. Every method looks a fixed number of values deep.
class View {
 public:
  explicit View(const Pickle& pickle) : pickle_(pickle) {}

  const PickleValue& At(size_t index) const { return pickle_.values[index]; }
  const PickleValue& Item(const PickleValue& value, size_t item) const { return At(value.items[item]); }

  // NumPy 2 calls numpy.core numpy._core.
  bool IsCall(const PickleValue& value, absl::string_view module, absl::string_view name) const {
    if (value.kind != Kind::kCall) return false;
    const PickleValue& callee = Item(value, 0);
    const bool is_module = callee.text == module || (absl::ConsumePrefix(&module, "numpy.core") &&
                                                     callee.text == absl::StrCat("numpy._core", module));
    return callee.kind == Kind::kGlobal && is_module && callee.name == name;
  }

  bool IsTuple(const PickleValue& value, size_t size) const {
    return value.kind == Kind::kTuple && value.items.size() == size;
  }

  // With its byte order: "<f4".
  absl::StatusOr<std::string> TypeOf(const PickleValue& value) const {
    const bool is_type = IsCall(value, "numpy", "dtype") && Item(value, 1).kind == Kind::kTuple &&
                         !Item(value, 1).items.empty() && Item(Item(value, 1), 0).kind == Kind::kText;
    if (!is_type) return Refused("an array whose type is none of NumPy's");
    std::string order = "<";
    if (value.items.size() == 3) {
      const PickleValue& state = Item(value, 2);
      if (state.kind != Kind::kTuple || state.items.size() < 2 || Item(state, 1).kind != Kind::kText) {
        return Refused("an array whose type is none of NumPy's");
      }
      order = std::string(Item(state, 1).text);
    }
    return absl::StrCat(order, Item(Item(value, 1), 0).text);
  }

  absl::StatusOr<std::vector<int64_t>> ShapeOf(const PickleValue& value) const {
    std::vector<int64_t> shape;
    if (value.kind != Kind::kTuple || value.items.size() > 8) return Refused("an array of more than 8 dimensions");
    for (const size_t item : value.items) {
      if (At(item).kind != Kind::kInt || At(item).number < 0)
        return Refused("an array whose shape is no list of sizes");
      shape.push_back(At(item).number);
    }
    return shape;
  }

 private:
  const Pickle& pickle_;
};

// What Python 3 writes for bytes under protocol 2: text, a character of up to two bytes for each.
absl::StatusOr<std::string> FromLatin1(absl::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto first = static_cast<unsigned char>(text[i]);
    if (first < 0x80) {
      bytes += text[i];
      continue;
    }
    if ((first & 0xfc) != 0xc0 || i + 1 == text.size()) return Refused("bytes that are no Latin-1");
    bytes += static_cast<char>((first << 6) | (static_cast<unsigned char>(text[++i]) & 0x3f));
  }
  return bytes;
}

absl::StatusOr<std::string> BytesOf(const View& view, const PickleValue& value) {
  if (value.kind == Kind::kBytes) return std::string(value.text);
  const bool is_encoded = view.IsCall(value, "_codecs", "encode") && view.IsTuple(view.Item(value, 1), 2) &&
                          view.Item(view.Item(value, 1), 0).kind == Kind::kText;
  if (is_encoded) return FromLatin1(view.Item(view.Item(value, 1), 0).text);
  return Refused("an array of Python objects");
}

struct Parts {
  size_t shape;
  size_t type;
  size_t data;
  bool is_fortran = false;
};

// numpy._core.multiarray._reconstruct with a state (version, shape, type, is_fortran, data), or, of protocol 5,
// numpy._core.numeric._frombuffer(data, type, shape, order).
absl::StatusOr<Parts> PartsOf(const View& view, const PickleValue& value) {
  if (view.IsCall(value, "numpy.core.multiarray", "_reconstruct") && value.items.size() == 3 &&
      view.IsTuple(view.Item(value, 2), 5)) {
    const PickleValue& state = view.Item(value, 2);
    return Parts{state.items[1], state.items[2], state.items[4], view.Item(state, 3).number != 0};
  }
  if (view.IsCall(value, "numpy.core.numeric", "_frombuffer") && view.IsTuple(view.Item(value, 1), 4)) {
    const PickleValue& arguments = view.Item(value, 1);
    return Parts{arguments.items[2], arguments.items[1], arguments.items[0], view.Item(arguments, 3).text == "F"};
  }
  return Refused("something that is no array");
}

absl::StatusOr<Tensor> ArrayOf(const View& view, const PickleValue& value) {
  ASSIGN_OR_RETURN(const Parts parts, PartsOf(view, value));
  ASSIGN_OR_RETURN(const std::string descr, view.TypeOf(view.At(parts.type)));
  ASSIGN_OR_RETURN(const NpyElementType type, ParseNpyElementType(descr));
  ASSIGN_OR_RETURN(std::vector<int64_t> shape, view.ShapeOf(view.At(parts.shape)));
  if (parts.is_fortran && shape.size() > 1) {
    return absl::InvalidArgumentError("is in Fortran order; save numpy.ascontiguousarray(array)");
  }
  ASSIGN_OR_RETURN(const std::string bytes, BytesOf(view, view.At(parts.data)));
  RETURN_IF_ERROR(CheckNpySize(shape, type.size, bytes.size()));
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  return Tensor{type.element_type, std::move(shape), std::vector<std::byte>(begin, begin + bytes.size())};
}

// The one element of the array of objects that was saved.
absl::StatusOr<size_t> DictionaryOf(const View& view, size_t result) {
  ASSIGN_OR_RETURN(const Parts parts, PartsOf(view, view.At(result)));
  const PickleValue& elements = view.At(parts.data);
  if (elements.kind == Kind::kList && elements.items.size() == 1 && view.Item(elements, 0).kind == Kind::kDict) {
    return elements.items[0];
  }
  return Refused("Python objects that are no dictionary");
}

absl::StatusOr<Tensor> Parse(absl::string_view bytes, absl::string_view key) {
  RETURN_IF_ERROR(TakeNpyHeader(bytes).status());
  ASSIGN_OR_RETURN(const Pickle pickle, ReadPickle(bytes));
  const View view(pickle);
  ASSIGN_OR_RETURN(const size_t index, DictionaryOf(view, pickle.result));
  const PickleValue& dictionary = view.At(index);
  std::vector<std::string> names;
  for (size_t i = 0; i < dictionary.items.size(); i += 2) {
    const PickleValue& name = view.Item(dictionary, i);
    if (name.kind != Kind::kText) return Refused("a dictionary whose keys are no names");
    if (name.text != key) {
      names.push_back(absl::StrCat("\"", ShowName(name.text), "\""));
      continue;
    }
    const absl::StatusOr<Tensor> array = ArrayOf(view, view.Item(dictionary, i + 1));
    if (!array.ok()) return base::Annotate(array.status(), absl::StrCat("\"", key, "\""));
    return array;
  }
  names.resize(std::min<size_t>(names.size(), 8));
  return absl::InvalidArgumentError(absl::StrCat("has no array \"", key, "\"; it has ",
                                                 names.empty() ? "none" : absl::StrJoin(names, ", "),
                                                 ": name its arrays as the model's inputs"));
}

}  // namespace

bool IsNumpyObject(absl::string_view bytes) {
  const absl::StatusOr<NpyHeader> header = TakeNpyHeader(bytes);
  return header.ok() && absl::EndsWith(header->descr, "O");
}

absl::StatusOr<Tensor> ParseNumpyObject(absl::string_view bytes, absl::string_view name, absl::string_view key) {
  absl::StatusOr<Tensor> tensor = Parse(bytes, key);
  if (!tensor.ok()) return base::Annotate(tensor.status(), ShowName(name));
  return tensor;
}

}  // namespace joinery::compiler
