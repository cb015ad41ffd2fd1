// Colours converted within the graph, in operators that every runtime has.
#pragma once

#include "compiler/backend/node_chain.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// Appends what makes the float model's colours, in its layout, of the deployed picture at the end of `chain`, which is
// float32 already. ConvertsColors(input) holds.
//
//   NV12, NV21     luma rows; chroma rows -> Reshape -> Transpose -> Resize (each for two by two pixels)
//                  -> Concat -> Conv 1x1 -> Mul -> Floor -> Clip
//   YUYV, UYVY     the same, with chroma for two pixels side by side
//   GRAY -> RGB    Concat of three
//   RGB -> GRAY    Conv 1x1 by ITU-R BT.601; Mul and Floor only where the deployed input is whole numbers
//
// Conv adds whole numbers below 2^24, which float32 has exactly: every runtime gives the same bytes, those of
// YuvDecoder and of DecodeYuv in the tests.
void AppendColorConversion(NodeChain& chain, const v1::InputConfiguration& input);

}  // namespace joinery::compiler
