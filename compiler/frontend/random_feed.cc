#include "compiler/frontend/random_feed.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014): the standard library's distributions differ between machines.
class Generator {
 public:
  explicit Generator(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15U;
    uint64_t bits = state_;
    bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
    bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
    return bits ^ (bits >> 31U);
  }

  // The sum of eight uniform numbers, which is close enough to normal and the same everywhere.
  float Normal() {
    int64_t sum = 0;
    for (int i = 0; i < 2; ++i) {
      const uint64_t bits = Next();
      for (unsigned shift = 0; shift < 64; shift += 16) sum += static_cast<int64_t>((bits >> shift) & 0xffffU);
    }
    // A uniform number of 0..65535 has the variance (2^32 - 1) / 12, eight of them 53510.03 squared.
    constexpr float kMean = 8 * 32767.5F;
    constexpr float kDeviation = 53510.03F;
    return (static_cast<float>(sum) - kMean) / kDeviation;
  }

 private:
  uint64_t state_;
};

// To IEEE half precision by cutting bits off; good for -65504 to 65504, and tiny numbers become 0.
uint16_t ToFloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16U) & 0x8000U;
  const int exponent = static_cast<int>((bits >> 23U) & 0xffU) - 127 + 15;
  if (exponent <= 0) return static_cast<uint16_t>(sign);
  return static_cast<uint16_t>(sign | static_cast<uint32_t>(exponent) << 10U | ((bits >> 13U) & 0x3ffU));
}

template <typename T, typename Draw>
void Fill(Tensor& tensor, Draw draw) {
  tensor.bytes.resize(static_cast<size_t>(tensor.num_elements()) * sizeof(T));
  for (T& value : tensor.mutable_values<T>()) value = static_cast<T>(draw());
}

absl::Status FillRandomly(Tensor& tensor, Generator& generator) {
  const auto small = [&] { return generator.Next() % 4; };
  switch (tensor.element_type) {
    case onnx::TensorProto::FLOAT:
      Fill<float>(tensor, [&] { return generator.Normal(); });
      return absl::OkStatus();
    case onnx::TensorProto::DOUBLE:
      Fill<double>(tensor, [&] { return generator.Normal(); });
      return absl::OkStatus();
    case onnx::TensorProto::FLOAT16:
      Fill<uint16_t>(tensor, [&] { return ToFloat16(generator.Normal()); });
      return absl::OkStatus();
    case onnx::TensorProto::BFLOAT16:
      Fill<uint16_t>(tensor, [&] { return std::bit_cast<uint32_t>(generator.Normal()) >> 16U; });
      return absl::OkStatus();
    case onnx::TensorProto::BOOL:
      Fill<uint8_t>(tensor, [&] { return generator.Next() % 2; });
      return absl::OkStatus();
    case onnx::TensorProto::INT8:
    case onnx::TensorProto::UINT8:
      Fill<uint8_t>(tensor, small);
      return absl::OkStatus();
    case onnx::TensorProto::INT16:
    case onnx::TensorProto::UINT16:
      Fill<uint16_t>(tensor, small);
      return absl::OkStatus();
    case onnx::TensorProto::INT32:
    case onnx::TensorProto::UINT32:
      Fill<uint32_t>(tensor, small);
      return absl::OkStatus();
    case onnx::TensorProto::INT64:
    case onnx::TensorProto::UINT64:
      Fill<uint64_t>(tensor, small);
      return absl::OkStatus();
    default:
      return absl::UnimplementedError(
          absl::StrCat("no random values of ", ElementTypeName(tensor.element_type), " can be made"));
  }
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> RandomFeed(absl::Span<const TensorSpec> specs, uint64_t seed) {
  Generator generator(seed);
  std::vector<Tensor> feed;
  feed.reserve(specs.size());
  for (const TensorSpec& spec : specs) {
    if (std::any_of(spec.shape.begin(), spec.shape.end(), [](int64_t dimension) { return dimension < 0; })) {
      return absl::InvalidArgumentError(absl::StrCat("input \"", spec.name, "\" has no fixed shape"));
    }
    Tensor tensor;
    tensor.element_type = spec.element_type;
    tensor.shape = spec.shape;
    RETURN_IF_ERROR(base::Annotate(FillRandomly(tensor, generator), absl::StrCat("input \"", spec.name, "\"")));
    feed.push_back(std::move(tensor));
  }
  return feed;
}

}  // namespace joinery::compiler
