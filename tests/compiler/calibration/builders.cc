#include "tests/compiler/calibration/builders.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <jpeglib.h>
#include <png.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/escaping.h"

namespace joinery::compiler {
namespace {

std::string Encode(const Image& image, J_COLOR_SPACE color_space, bool progressive) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;  // NOLINT(google-runtime-int): libjpeg's type
  jpeg_mem_dest(&info, &buffer, &size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = image.channels;
  info.in_color_space = color_space;
  jpeg_set_defaults(&info);
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  const size_t row_size = static_cast<size_t>(image.width) * static_cast<size_t>(image.channels);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<JSAMPROW>(image.pixels.data() + info.next_scanline * row_size);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::string bytes(reinterpret_cast<char*>(buffer), size);
  jpeg_destroy_compress(&info);
  std::free(buffer);
  return bytes;
}

void AppendBytes(png_structp png, png_bytep bytes, size_t count) {
  static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<char*>(bytes), count);
}

}  // namespace

Image Gradient(int width, int height, int channels) {
  Image image{width, height, channels, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) image.pixels.push_back(static_cast<uint8_t>(x * 7 + y * 3 + c * 50));
    }
  }
  return image;
}

std::string EncodeJpeg(const Image& image, bool progressive) {
  return Encode(image, image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB, progressive);
}

std::string EncodeCmykJpeg(int width, int height) { return Encode(Gradient(width, height, 4), JCS_CMYK, false); }

std::string EncodePng(int width, int height, int color_type, int bit_depth, const std::vector<std::string>& rows,
                      bool interlaced) {
  std::string bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &bytes, AppendBytes, nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), bit_depth, color_type,
               interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (color_type == PNG_COLOR_TYPE_PALETTE) {
    const png_color palette[] = {{10, 20, 30}, {40, 50, 60}};
    png_set_PLTE(png, info, palette, 2);
  }
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  for (const std::string& row : rows) pointers.push_back(reinterpret_cast<png_bytep>(const_cast<char*>(row.data())));
  png_write_image(png, pointers.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

std::string EncodePng(const Image& image) {
  std::vector<std::string> rows;
  const auto row_size = static_cast<size_t>(image.width * image.channels);
  for (size_t y = 0; y < static_cast<size_t>(image.height); ++y) {
    rows.emplace_back(reinterpret_cast<const char*>(image.pixels.data()) + y * row_size, row_size);
  }
  return EncodePng(image.width, image.height, image.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, 8, rows);
}

void WriteArchive(const std::string& path, ArchiveKind kind, const std::vector<Member>& members) {
  archive* writer = archive_write_new();
  if (kind == ArchiveKind::kZip) {
    archive_write_set_format_zip(writer);
  } else {
    archive_write_set_format_gnutar(writer);
  }
  if (kind == ArchiveKind::kTarGzip) archive_write_add_filter_gzip(writer);
  if (kind == ArchiveKind::kTarZstd) archive_write_add_filter_zstd(writer);
  ASSERT_EQ(archive_write_open_filename(writer, path.c_str()), ARCHIVE_OK) << archive_error_string(writer);
  for (const Member& member : members) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, member.name.c_str());
    archive_entry_set_filetype(entry, member.type);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<la_int64_t>(member.bytes.size()));
    if (member.hard_link) archive_entry_set_hardlink(entry, member.link_target.c_str());
    if (member.type == AE_IFLNK) archive_entry_set_symlink(entry, member.link_target.c_str());
    ASSERT_EQ(archive_write_header(writer, entry), ARCHIVE_OK) << archive_error_string(writer);
    archive_write_data(writer, member.bytes.data(), member.bytes.size());
    archive_entry_free(entry);
  }
  ASSERT_EQ(archive_write_close(writer), ARCHIVE_OK) << archive_error_string(writer);
  archive_write_free(writer);
}

std::string NumpyObjectFile() {
  return absl::HexStringToBytes(
      "934e554d5059010076007b276465736372273a20277c4f272c2027666f727472616e5f6f72646572273a2046616c73652c2027736861"
      "7065273a2028292c207d2020202020202020202020202020202020202020202020202020202020202020202020202020202020202020"
      "202020202020202020202020202020202020200a800495fa000000000000008c166e756d70792e5f636f72652e6d756c746961727261"
      "79948c0c5f7265636f6e7374727563749493948c056e756d7079948c076e6461727261799493944b0085944301629487945294284b01"
      "2968038c0564747970659493948c024f3894898887945294284b038c017c944e4e4e4affffffff4affffffff4b3f749462895d947d94"
      "288c017894680268054b008594680787945294284b014b018594680b8c02663494898887945294284b038c013c944e4e4e4affffffff"
      "4affffffff4b007494628943040000803f947494628c017994680268054b008594680787945294284b014b018594681a894304000020"
      "419474946275617494622e");
}

v1::InputConfiguration PictureInput(int width, int height, int channels, v1::ColorSpace color_space, v1::Layout layout,
                                    v1::ElementType element_type) {
  v1::InputConfiguration input;
  input.set_name("data");
  input.set_element_type(element_type);
  input.set_layout(layout);
  input.set_color_space(color_space);
  input.set_model_color_space(color_space);
  input.set_model_layout(v1::LAYOUT_NCHW);
  for (const int dimension : {1, channels, height, width}) input.add_model_shape(dimension);
  return input;
}

}  // namespace joinery::compiler
