// Photos and archives made by the tests themselves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/calibration/image.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// Every pixel differs from its neighbours.
Image Gradient(int width, int height, int channels);

// `color_space` is one of libjpeg's J_COLOR_SPACE; CMYK takes an image of 4 channels.
std::string EncodeJpeg(const Image& image, bool progressive = false);
std::string EncodeCmykJpeg(int width, int height);

// `color_type` and `bit_depth` are PNG's; each row is what PNG stores in it.
std::string EncodePng(int width, int height, int color_type, int bit_depth, const std::vector<std::string>& rows,
                      bool interlaced = false);
std::string EncodePng(const Image& image);

enum class ArchiveKind { kTar, kTarGzip, kTarZstd, kZip };

struct Member {
  std::string name;
  std::string bytes;
  // A file type of stat(2): S_IFREG, S_IFLNK...
  unsigned type = 0100000;
  std::string link_target = "";
  bool hard_link = false;
};

// Writes an archive of `members`, names as they are.
void WriteArchive(const std::string& path, ArchiveKind kind, const std::vector<Member>& members);

// numpy.save(file, {"x": numpy.array([1], "f4"), "y": numpy.array([10], "f4")}), byte for byte.
std::string NumpyObjectFile();

// A deployed picture of a float model that takes NCHW.
v1::InputConfiguration PictureInput(int width, int height, int channels, v1::ColorSpace color_space,
                                    v1::Layout layout = v1::LAYOUT_NHWC,
                                    v1::ElementType element_type = v1::ELEMENT_TYPE_UINT8);

}  // namespace joinery::compiler
