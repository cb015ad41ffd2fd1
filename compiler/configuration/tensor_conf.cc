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

absl::Status CheckColorSpace(const TensorConf& conf, const std::string& path) {
  switch (conf.color_space()) {
    case TensorConf::TENSOR_COLOR_SPACE_AUTO:
    case TensorConf::TENSOR_COLOR_SPACE_BGR:
    case TensorConf::TENSOR_COLOR_SPACE_RGB:
    case TensorConf::TENSOR_COLOR_SPACE_GRAY:
      return absl::OkStatus();
    default:
      return absl::InvalidArgumentError(
          absl::StrCat(path, ".color_space: ", TensorConf::ColorSpace_Name(conf.color_space()),
                       " is not supported by this version; use TENSOR_COLOR_SPACE_RGB, _BGR or _GRAY"));
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
  if (conf.data_type() == DataType::DATA_TYPE_UNKNOWN || conf.data_type() == DataType::UINT8 ||
      conf.data_type() == DataType::FLOAT32) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(path, ".data_type: an input of type ",
                                                 DataType::Enum_Name(conf.data_type()),
                                                 " is not supported by this version; use UINT8 or FLOAT32"));
}

absl::Status CheckList(const TensorConfs& confs, absl::string_view list, bool deployed,
                       const std::vector<std::string>& names) {
  for (int i = 0; i < confs.size(); ++i) {
    const std::string path = absl::StrCat(list, "[", i, "]");
    RETURN_IF_ERROR(CheckName(confs[i], path, names));
    RETURN_IF_ERROR(CheckColorSpace(confs[i], path));
    if (deployed) RETURN_IF_ERROR(CheckDeployedType(confs[i], path));
  }
  return absl::OkStatus();
}

}  // namespace

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
    default:
      return TensorConf::TENSOR_COLOR_SPACE_AUTO;
  }
}

TensorConf::TensorLayout FromLayout(v1::Layout layout) {
  if (layout == v1::LAYOUT_NHWC) return TensorConf::NHWC;
  return layout == v1::LAYOUT_NCHW ? TensorConf::NCHW : TensorConf::NATIVE;
}

std::string ColorSpaceName(v1::ColorSpace color_space) {
  return v1::ColorSpace_Name(color_space).substr(sizeof("COLOR_SPACE_") - 1);
}

}  // namespace joinery::compiler
