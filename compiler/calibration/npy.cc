#include "compiler/calibration/npy.h"

#include <cstddef>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "compiler/calibration/member_name.h"
#include "compiler/calibration/npy_header.h"

namespace joinery::compiler {
namespace {

absl::StatusOr<Tensor> Parse(absl::string_view bytes) {
  ASSIGN_OR_RETURN(const NpyHeader header, TakeNpyHeader(bytes));
  ASSIGN_OR_RETURN(const NpyElementType type, ParseNpyElementType(header.descr));
  if (header.fortran_order && header.shape.size() > 1) {
    return absl::InvalidArgumentError("is in Fortran order; save numpy.ascontiguousarray(array)");
  }
  RETURN_IF_ERROR(CheckNpySize(header.shape, type.size, bytes.size()));
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
  const absl::string_view type = NpyElementTypeName(tensor.element_type);
  const absl::string_view order = absl::EndsWith(type, "1") ? "|" : "<";
  std::string header = absl::StrCat("{'descr': '", order, type, "', 'fortran_order': False, 'shape': (",
                                    absl::StrJoin(tensor.shape, ", "), tensor.shape.size() == 1 ? ",), }" : "), }");
  // The elements begin at a multiple of 64, as the format asks for.
  constexpr size_t kBefore = 10;
  header.append(63 - (kBefore + header.size()) % 64, ' ');
  header.push_back('\n');
  std::string bytes(kNpyMagic);
  bytes.append({'\x01', '\x00', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)});
  bytes.append(header);
  bytes.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  return bytes;
}

}  // namespace joinery::compiler
