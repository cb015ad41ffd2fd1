#include "compiler/calibration/jpeg.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <string>

// After <cstdio>, which it needs and does not include.
#include <jpeglib.h>
// After jpeglib.h.
#include <jerror.h>

#include "absl/strings/str_cat.h"

namespace joinery::compiler {
namespace {

// Real photos have about ten; thousands of empty ones make a small file take minutes.
constexpr int kMaxScans = 200;

// libjpeg's state and where it jumps to on an error. The managers are first, so that libjpeg's pointers to them are
// pointers to these.
struct ErrorManager {
  jpeg_error_mgr base;
  std::jmp_buf on_error;
  char message[JMSG_LENGTH_MAX];
};

struct Decoder {
  jpeg_decompress_struct info;
  ErrorManager errors;
  jpeg_progress_mgr progress;
};

[[noreturn]] void Fail(j_common_ptr info) {
  auto* errors = reinterpret_cast<ErrorManager*>(info->err);
  (*info->err->format_message)(info, errors->message);
  std::longjmp(errors->on_error, 1);  // NOLINT(cert-err52-cpp): libjpeg's way
}

// Warnings about what does not change a pixel.
bool IsHarmless(int code) {
  return code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR ||
         code == JWRN_TOO_MUCH_DATA;
}

// A level below 0 is a warning: libjpeg would go on and make up the missing pixels.
void TakeMessage(j_common_ptr info, int level) {
  if (level < 0 && !IsHarmless(info->err->msg_code)) Fail(info);
}

void CheckScans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMaxScans) return;
  auto* errors = reinterpret_cast<ErrorManager*>(info->err);
  std::snprintf(errors->message, sizeof(errors->message), "more than %d scans", kMaxScans);
  std::longjmp(errors->on_error, 1);  // NOLINT(cert-err52-cpp)
}

void Prepare(Decoder& decoder) {
  decoder.info.err = jpeg_std_error(&decoder.errors.base);
  decoder.errors.base.error_exit = Fail;
  decoder.errors.base.emit_message = TakeMessage;
  jpeg_create_decompress(&decoder.info);
  decoder.progress.progress_monitor = CheckScans;
  decoder.info.progress = &decoder.progress;
}

// Each step returns false after an error, whose text is then in decoder.errors.message. They hold nothing that a jump
// would leave behind.
bool ReadHeader(Decoder& decoder, absl::string_view bytes) {
  if (setjmp(decoder.errors.on_error) != 0) return false;
  jpeg_mem_src(&decoder.info, reinterpret_cast<const unsigned char*>(bytes.data()),
               static_cast<unsigned long>(bytes.size()));  // NOLINT(google-runtime-int): libjpeg's type
  jpeg_read_header(&decoder.info, TRUE);
  return true;
}

bool ReadPixels(Decoder& decoder, Image& image) {
  if (setjmp(decoder.errors.on_error) != 0) return false;
  decoder.info.out_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  decoder.info.dct_method = JDCT_ISLOW;
  decoder.info.do_fancy_upsampling = TRUE;
  jpeg_start_decompress(&decoder.info);
  const size_t row_size = static_cast<size_t>(image.width) * static_cast<size_t>(image.channels);
  while (decoder.info.output_scanline < decoder.info.output_height) {
    JSAMPROW row = image.pixels.data() + decoder.info.output_scanline * row_size;
    jpeg_read_scanlines(&decoder.info, &row, 1);
  }
  jpeg_finish_decompress(&decoder.info);
  return true;
}

absl::Status Damaged(const Decoder& decoder) {
  return absl::InvalidArgumentError(absl::StrCat("is a damaged JPEG: ", decoder.errors.message));
}

absl::Status CheckHeader(const jpeg_decompress_struct& info) {
  if (info.num_components == 4) {
    return absl::InvalidArgumentError("is a CMYK JPEG; save it as RGB");
  }
  if (info.num_components != 1 && info.num_components != 3) {
    return absl::InvalidArgumentError(absl::StrCat("is a JPEG of ", info.num_components, " channels; expected 1 or 3"));
  }
  if (int64_t{info.image_width} * int64_t{info.image_height} > kMaxPixels) {
    return absl::InvalidArgumentError(absl::StrCat("is ", info.image_width, "x", info.image_height,
                                                   " pixels large; the limit is ", kMaxPixels, " pixels"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Image> Decode(Decoder& decoder, absl::string_view bytes) {
  if (!ReadHeader(decoder, bytes)) return Damaged(decoder);
  if (absl::Status status = CheckHeader(decoder.info); !status.ok()) return status;
  Image image;
  image.width = static_cast<int>(decoder.info.image_width);
  image.height = static_cast<int>(decoder.info.image_height);
  image.channels = decoder.info.num_components;
  image.pixels.resize(static_cast<size_t>(image.width) * static_cast<size_t>(image.height) *
                      static_cast<size_t>(image.channels));
  if (!ReadPixels(decoder, image)) return Damaged(decoder);
  return image;
}

}  // namespace

absl::StatusOr<Image> DecodeJpeg(absl::string_view bytes) {
  Decoder decoder{};
  Prepare(decoder);
  absl::StatusOr<Image> image = Decode(decoder, bytes);
  jpeg_destroy_decompress(&decoder.info);
  return image;
}

}  // namespace joinery::compiler
