#include "compiler/configuration/tensor_conf.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::RepeatedPtrField;
using ::joinery::v1::pulsar::DataType;
using ::joinery::v1::pulsar::PulsarConfiguration;
using ::joinery::v1::pulsar::TensorConf;

using TensorConfs = RepeatedPtrField<TensorConf>;

// Merging a message keeps what the other leaves at its default: exactly "the last value of each field".
void MergeNamed(const TensorConfs& confs, const std::string& name, TensorConf& merged) {
  for (const TensorConf& conf : confs) {
    if (conf.tensor_name() == name) merged.MergeFrom(conf);
  }
}

TensorConf Merge(const TensorConfs& older, const TensorConfs& newer, const std::string& name) {
  TensorConf merged;
  for (const std::string& wanted : {name, std::string()}) {
    MergeNamed(older, wanted, merged);
    MergeNamed(newer, wanted, merged);
  }
  merged.set_tensor_name(name);
  return merged;
}

// What a float model may take; the artifact may take anything.
absl::Status CheckModelColors(const TensorConf& conf, const std::string& path) {
  switch (conf.color_space()) {
    case TensorConf::TENSOR_COLOR_SPACE_AUTO:
    case TensorConf::TENSOR_COLOR_SPACE_BGR:
    case TensorConf::TENSOR_COLOR_SPACE_RGB:
    case TensorConf::TENSOR_COLOR_SPACE_GRAY:
      return absl::OkStatus();
    default:
      return absl::InvalidArgumentError(
          absl::StrCat(path, ".color_space: ", TensorConf::ColorSpace_Name(conf.color_space()),
                       " is not what this version lets a float model take; use TENSOR_COLOR_SPACE_RGB, _BGR or _GRAY "
                       "here, and the camera's in dst_input_tensors"));
  }
}

absl::Status CheckName(const TensorConf& conf, const std::string& path, const std::vector<std::string>& names) {
  if (conf.tensor_name().empty() || std::count(names.begin(), names.end(), conf.tensor_name()) > 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(path, ".tensor_name: the model has no input \"", conf.tensor_name(),
                                                 "\"; its inputs are ", absl::StrJoin(names, ", ")));
}

absl::Status CheckDeployedType(const TensorConf& conf, const std::string& path) {
  if (conf.data_type() == DataType::DATA_TYPE_UNKNOWN) return absl::OkStatus();
  return ToElementType(conf.data_type(), absl::StrCat(path, ".data_type")).status();
}

absl::Status CheckQuantizationValue(const TensorConf& conf, const std::string& path) {
  if (conf.quantization_value() >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path, ".quantization_value: ", conf.quantization_value(), " is negative; use 1 or more"));
}

absl::Status CheckList(const TensorConfs& confs, absl::string_view list, bool deployed,
                       const std::vector<std::string>& names) {
  for (int i = 0; i < confs.size(); ++i) {
    const std::string path = absl::StrCat(list, "[", i, "]");
    RETURN_IF_ERROR(CheckName(confs[i], path, names));
    if (!deployed) RETURN_IF_ERROR(CheckModelColors(confs[i], path));
    if (deployed) RETURN_IF_ERROR(CheckDeployedType(confs[i], path));
    if (deployed) RETURN_IF_ERROR(CheckQuantizationValue(confs[i], path));
  }
  return absl::OkStatus();
}

}  // namespace

TensorConf OutputTensorConf(const TensorConfs& confs, const std::string& name) { return Merge({}, confs, name); }

TensorConf SourceTensorConf(const PulsarConfiguration& source, const std::string& name) {
  return Merge(source.input_tensors(), source.src_input_tensors(), name);
}

TensorConf DeployedTensorConf(const PulsarConfiguration& source, const std::string& name) {
  return Merge(source.output_tensors(), source.dst_input_tensors(), name);
}

absl::Status CheckTensorConfs(const PulsarConfiguration& source, const std::vector<std::string>& input_names) {
  RETURN_IF_ERROR(CheckList(source.input_tensors(), "input_tensors", false, input_names));
  RETURN_IF_ERROR(CheckList(source.src_input_tensors(), "src_input_tensors", false, input_names));
  RETURN_IF_ERROR(CheckList(source.output_tensors(), "output_tensors", true, input_names));
  return CheckList(source.dst_input_tensors(), "dst_input_tensors", true, input_names);
}

absl::StatusOr<v1::ElementType> ToElementType(DataType::Enum type, absl::string_view path) {
  switch (type) {
    case DataType::UINT8:
      return v1::ELEMENT_TYPE_UINT8;
    case DataType::INT8:
      return v1::ELEMENT_TYPE_INT8;
    case DataType::UINT16:
      return v1::ELEMENT_TYPE_UINT16;
    case DataType::INT16:
      return v1::ELEMENT_TYPE_INT16;
    case DataType::FLOAT32:
      return v1::ELEMENT_TYPE_FLOAT32;
    default:
      return absl::InvalidArgumentError(absl::StrCat(path, ": a tensor of type ", DataType::Enum_Name(type),
                                                     " is not supported by this version; use UINT8, INT8, UINT16, "
                                                     "INT16 or FLOAT32"));
  }
}

DataType::Enum FromElementType(v1::ElementType type) {
  switch (type) {
    case v1::ELEMENT_TYPE_UINT8:
      return DataType::UINT8;
    case v1::ELEMENT_TYPE_INT8:
      return DataType::INT8;
    case v1::ELEMENT_TYPE_UINT16:
      return DataType::UINT16;
    case v1::ELEMENT_TYPE_INT16:
      return DataType::INT16;
    case v1::ELEMENT_TYPE_FLOAT32:
      return DataType::FLOAT32;
    default:
      return DataType::DATA_TYPE_UNKNOWN;
  }
}

v1::ColorSpace ToColorSpace(TensorConf::ColorSpace color_space, int64_t channels) {
  switch (color_space) {
    case TensorConf::TENSOR_COLOR_SPACE_AUTO:
      return channels == 3 ? v1::COLOR_SPACE_BGR : v1::COLOR_SPACE_GRAY;
    case TensorConf::TENSOR_COLOR_SPACE_BGR:
      return v1::COLOR_SPACE_BGR;
    case TensorConf::TENSOR_COLOR_SPACE_RGB:
      return v1::COLOR_SPACE_RGB;
    case TensorConf::TENSOR_COLOR_SPACE_GRAY:
      return v1::COLOR_SPACE_GRAY;
    case TensorConf::TENSOR_COLOR_SPACE_NV12:
      return v1::COLOR_SPACE_NV12;
    case TensorConf::TENSOR_COLOR_SPACE_NV21:
      return v1::COLOR_SPACE_NV21;
    case TensorConf::TENSOR_COLOR_SPACE_BGR0:
      return v1::COLOR_SPACE_BGRX;
    default:
      return v1::COLOR_SPACE_UNSPECIFIED;
  }
}

TensorConf::ColorSpace FromColorSpace(v1::ColorSpace color_space) {
  switch (color_space) {
    case v1::COLOR_SPACE_RGB:
      return TensorConf::TENSOR_COLOR_SPACE_RGB;
    case v1::COLOR_SPACE_BGR:
      return TensorConf::TENSOR_COLOR_SPACE_BGR;
    case v1::COLOR_SPACE_GRAY:
      return TensorConf::TENSOR_COLOR_SPACE_GRAY;
    case v1::COLOR_SPACE_NV12:
      return TensorConf::TENSOR_COLOR_SPACE_NV12;
    case v1::COLOR_SPACE_NV21:
      return TensorConf::TENSOR_COLOR_SPACE_NV21;
    case v1::COLOR_SPACE_BGRX:
      return TensorConf::TENSOR_COLOR_SPACE_BGR0;
    default:
      return TensorConf::TENSOR_COLOR_SPACE_AUTO;
  }
}

TensorConf::TensorLayout FromLayout(v1::Layout layout) {
  if (layout == v1::LAYOUT_NHWC) return TensorConf::NHWC;
  return layout == v1::LAYOUT_NCHW ? TensorConf::NCHW : TensorConf::NATIVE;
}

TensorConf::ColorStandard FromYuvStandard(v1::YuvStandard standard) {
  if (standard == v1::YUV_STANDARD_BT601_FULL) return TensorConf::CSS_ITU_BT601_FULL_SWING;
  return standard == v1::YUV_STANDARD_BT601_LIMITED ? TensorConf::CSS_ITU_BT601_STUDIO_SWING : TensorConf::CSC_LEGACY;
}

}  // namespace joinery::compiler
