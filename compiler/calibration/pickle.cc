#include "compiler/calibration/pickle.h"

#include <string>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"

namespace joinery::compiler {
namespace {

using Kind = PickleValue::Kind;

constexpr size_t kMaxValues = 65536;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("is no proper pickle: ", what));
}

class Reader {
 public:
  explicit Reader(absl::string_view bytes) : rest_(bytes) {}

  absl::StatusOr<Pickle> Read() {
    while (true) {
      ASSIGN_OR_RETURN(const uint64_t opcode, Number(1));
      if (opcode == '.') break;
      RETURN_IF_ERROR(Do(static_cast<unsigned char>(opcode)));
      if (pickle_.values.size() > kMaxValues)
        return Malformed(absl::StrCat("it has more than ", kMaxValues, " values"));
    }
    ASSIGN_OR_RETURN(pickle_.result, Pop());
    return std::move(pickle_);
  }

 private:
  absl::Status Do(unsigned char opcode) {
    switch (opcode) {
      case 0x80:  // PROTO
        return TakeProtocol();
      case 0x95:  // FRAME: how far one could read ahead.
        return Take(8).status();
      case 'N':
        return Push({});
      case 0x88:
      case 0x89:
        return Push({.kind = Kind::kBool, .number = opcode == 0x88 ? 1 : 0});
      case 'K':
      case 'M':
      case 'J':
      case 0x8a:
        return PushInt(opcode);
      case 0x8c:
      case 'X':
      case 0x8d:
        return PushBytes(Kind::kText, opcode == 0x8c ? 1 : (opcode == 'X' ? 4 : 8));
      case 'C':
      case 'B':
      case 0x8e:
      case 0x96:  // BYTEARRAY8
        return PushBytes(Kind::kBytes, opcode == 'C' ? 1 : (opcode == 'B' ? 4 : 8));
      case 'c':
      case 0x93:
        return opcode == 'c' ? PushGlobal() : PushStackGlobal();
      default:
        return DoWithStack(opcode);
    }
  }

  absl::Status DoWithStack(unsigned char opcode) {
    switch (opcode) {
      case '(':
        marks_.push_back(stack_.size());
        return absl::OkStatus();
      case ')':
      case 0x85:
      case 0x86:
      case 0x87:
        return PushTuple(opcode == ')' ? 0 : opcode - size_t{0x84});
      case 't':
        return PushMarkedTuple();
      case ']':
        return Push({.kind = Kind::kList});
      case '}':
        return Push({.kind = Kind::kDict});
      case 'a':
      case 's':
        return Extend(opcode == 'a' ? Kind::kList : Kind::kDict, opcode == 'a' ? 1 : 2);
      case 'e':
      case 'u':
        return ExtendToMark(opcode == 'e' ? Kind::kList : Kind::kDict);
      case 'R':
        return PushCall();
      case 'b':
        return SetState();
      case 0x94:
      case 'q':
      case 'r':
        return Memoize(opcode);
      case 'h':
      case 'j':
        return Recall(opcode == 'h' ? 1 : 4);
      default:
        return absl::InvalidArgumentError(absl::StrFormat(
            "is pickled with opcode 0x%02x, which no dictionary of plain arrays needs; nothing of it is executed",
            opcode));
    }
  }

  absl::StatusOr<absl::string_view> Take(uint64_t count) {
    if (count > rest_.size()) return Malformed("it ends early");
    const absl::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  // Little-endian, without a sign.
  absl::StatusOr<uint64_t> Number(size_t size) {
    ASSIGN_OR_RETURN(const absl::string_view bytes, Take(size));
    uint64_t number = 0;
    for (size_t i = 0; i < size; ++i) number |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    return number;
  }

  absl::StatusOr<absl::string_view> Line() {
    const size_t end = rest_.find('\n');
    if (end == absl::string_view::npos) return Malformed("it ends early");
    ASSIGN_OR_RETURN(const absl::string_view line, Take(end + 1));
    return line.substr(0, end);
  }

  absl::Status TakeProtocol() {
    ASSIGN_OR_RETURN(const uint64_t protocol, Number(1));
    if (protocol >= 2 && protocol <= 5) return absl::OkStatus();
    return Malformed(absl::StrCat("protocol ", protocol, " is not read; 2 to 5 are"));
  }

  absl::Status Push(PickleValue value) {
    stack_.push_back(pickle_.values.size());
    pickle_.values.push_back(std::move(value));
    return absl::OkStatus();
  }

  absl::StatusOr<size_t> Pop() {
    if (stack_.empty() || (!marks_.empty() && stack_.size() == marks_.back())) return Malformed("its stack is empty");
    const size_t index = stack_.back();
    stack_.pop_back();
    return index;
  }

  absl::Status PushInt(unsigned char opcode) {
    size_t size = opcode == 'K' ? 1 : (opcode == 'M' ? 2 : 4);
    if (opcode == 0x8a) {
      ASSIGN_OR_RETURN(size, Number(1));
      if (size > 8) return Malformed("a whole number has more than 8 bytes");
    }
    ASSIGN_OR_RETURN(uint64_t number, Number(size));
    const bool has_sign = opcode == 'J' || opcode == 0x8a;
    const bool is_negative = has_sign && size > 0 && (number >> (8 * size - 1)) != 0;
    if (is_negative && size < 8) number |= ~uint64_t{0} << (8 * size);
    return Push({.kind = Kind::kInt, .number = static_cast<int64_t>(number)});
  }

  absl::Status PushBytes(Kind kind, size_t size_of_length) {
    ASSIGN_OR_RETURN(const uint64_t length, Number(size_of_length));
    ASSIGN_OR_RETURN(const absl::string_view text, Take(length));
    return Push({.kind = kind, .text = text});
  }

  absl::Status PushGlobal() {
    ASSIGN_OR_RETURN(const absl::string_view module, Line());
    ASSIGN_OR_RETURN(const absl::string_view name, Line());
    return Push({.kind = Kind::kGlobal, .text = module, .name = name});
  }

  absl::Status PushStackGlobal() {
    ASSIGN_OR_RETURN(const size_t name, Pop());
    ASSIGN_OR_RETURN(const size_t module, Pop());
    const std::vector<PickleValue>& values = pickle_.values;
    if (values[name].kind != Kind::kText || values[module].kind != Kind::kText) {
      return Malformed("a name of Python's is no text");
    }
    return Push({.kind = Kind::kGlobal, .text = values[module].text, .name = values[name].text});
  }

  // The last `count` of the stack, in order.
  absl::StatusOr<std::vector<size_t>> PopSeveral(size_t count) {
    const size_t bottom = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() - bottom < count) return Malformed("its stack is empty");
    const auto begin = stack_.end() - static_cast<std::ptrdiff_t>(count);
    std::vector<size_t> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    return items;
  }

  absl::StatusOr<std::vector<size_t>> PopToMark() {
    if (marks_.empty()) return Malformed("a mark is missing");
    ASSIGN_OR_RETURN(std::vector<size_t> items, PopSeveral(stack_.size() - marks_.back()));
    marks_.pop_back();
    return items;
  }

  absl::Status PushTuple(size_t count) {
    ASSIGN_OR_RETURN(std::vector<size_t> items, PopSeveral(count));
    return Push({.kind = Kind::kTuple, .items = std::move(items)});
  }

  absl::Status PushMarkedTuple() {
    ASSIGN_OR_RETURN(std::vector<size_t> items, PopToMark());
    return Push({.kind = Kind::kTuple, .items = std::move(items)});
  }

  // Of the list or dictionary that is now on top.
  absl::Status Append(Kind kind, const std::vector<size_t>& items) {
    ASSIGN_OR_RETURN(const size_t target, Pop());
    stack_.push_back(target);
    PickleValue& value = pickle_.values[target];
    if (value.kind != kind) return Malformed("what is added to is no list or dictionary");
    if (kind == Kind::kDict && items.size() % 2 != 0) return Malformed("a key has no value");
    value.items.insert(value.items.end(), items.begin(), items.end());
    return absl::OkStatus();
  }

  absl::Status Extend(Kind kind, size_t count) {
    ASSIGN_OR_RETURN(const std::vector<size_t> items, PopSeveral(count));
    return Append(kind, items);
  }

  absl::Status ExtendToMark(Kind kind) {
    ASSIGN_OR_RETURN(const std::vector<size_t> items, PopToMark());
    return Append(kind, items);
  }

  absl::Status PushCall() {
    ASSIGN_OR_RETURN(std::vector<size_t> items, PopSeveral(2));
    return Push({.kind = Kind::kCall, .items = std::move(items)});
  }

  absl::Status SetState() {
    ASSIGN_OR_RETURN(const size_t state, Pop());
    ASSIGN_OR_RETURN(const size_t target, Pop());
    stack_.push_back(target);
    PickleValue& value = pickle_.values[target];
    if (value.kind != Kind::kCall || value.items.size() != 2)
      return Malformed("a state is of nothing that can have one");
    value.items.push_back(state);
    return absl::OkStatus();
  }

  absl::Status Memoize(unsigned char opcode) {
    uint64_t key = memo_.size();
    if (opcode != 0x94) {
      ASSIGN_OR_RETURN(key, Number(opcode == 'q' ? 1 : 4));
    }
    ASSIGN_OR_RETURN(const size_t value, Pop());
    stack_.push_back(value);
    memo_[key] = value;
    if (memo_.size() > kMaxValues) return Malformed(absl::StrCat("it keeps more than ", kMaxValues, " values"));
    return absl::OkStatus();
  }

  absl::Status Recall(size_t size_of_key) {
    ASSIGN_OR_RETURN(const uint64_t key, Number(size_of_key));
    const auto found = memo_.find(key);
    if (found == memo_.end()) return Malformed("it refers to a value it has not");
    stack_.push_back(found->second);
    if (stack_.size() > kMaxValues) return Malformed(absl::StrCat("its stack has more than ", kMaxValues, " values"));
    return absl::OkStatus();
  }

  absl::string_view rest_;
  Pickle pickle_;
  std::vector<size_t> stack_;
  // Where in the stack the open marks are.
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, size_t> memo_;
};

}  // namespace

absl::StatusOr<Pickle> ReadPickle(absl::string_view bytes) { return Reader(bytes).Read(); }

}  // namespace joinery::compiler
