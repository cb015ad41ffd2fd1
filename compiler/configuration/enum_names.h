// The names of layouts, colours and element types as people read them: those of the schema without their prefix.
#pragma once

#include <string>

#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// "NHWC", "NATIVE"...
inline std::string NameOf(v1::Layout layout) { return v1::Layout_Name(layout).substr(sizeof("LAYOUT_") - 1); }

// "RGB", "NV12", "NONE"...
inline std::string NameOf(v1::ColorSpace color_space) {
  return v1::ColorSpace_Name(color_space).substr(sizeof("COLOR_SPACE_") - 1);
}

// "UINT8", "FLOAT32", "NATIVE"...
inline std::string NameOf(v1::ElementType type) {
  return v1::ElementType_Name(type).substr(sizeof("ELEMENT_TYPE_") - 1);
}

}  // namespace joinery::compiler
