#include "compiler/calibration/png.h"

#include <png.h>

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace joinery::compiler {
namespace {

constexpr png_alloc_size_t kMaxChunkSize = png_alloc_size_t{16} << 20;
constexpr png_uint_32 kMaxChunks = 1000;

// libpng's state and what it reads from.
struct Decoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  absl::string_view rest;
  char message[160] = "";
};

[[noreturn]] void Fail(png_structp png, png_const_charp text) {
  auto* decoder = static_cast<Decoder*>(png_get_error_ptr(png));
  std::snprintf(decoder->message, sizeof(decoder->message), "%s", text);
  png_longjmp(png, 1);
}

// Warnings are about chunks that carry no pixels.
void Ignore(png_structp /*png*/, png_const_charp /*text*/) {}

void TakeBytes(png_structp png, png_bytep out, size_t count) {
  auto* decoder = static_cast<Decoder*>(png_get_io_ptr(png));
  if (count > decoder->rest.size()) png_error(png, "it ends early");
  std::memcpy(out, decoder->rest.data(), count);
  decoder->rest.remove_prefix(count);
}

// Each step returns false after an error, whose text is then in decoder.message. They hold nothing that a jump would
// leave behind.
bool ReadHeader(Decoder& decoder) {
  if (setjmp(png_jmpbuf(decoder.png)) != 0) return false;
  png_set_read_fn(decoder.png, &decoder, TakeBytes);
  png_set_user_limits(decoder.png, kMaxImageSide, kMaxImageSide);
  png_set_chunk_malloc_max(decoder.png, kMaxChunkSize);
  png_set_chunk_cache_max(decoder.png, kMaxChunks);
  png_read_info(decoder.png, decoder.info);
  // Palettes and 1, 2 and 4 bits to bytes; 16 bits to their upper 8.
  png_set_expand(decoder.png);
  png_set_strip_16(decoder.png);
  png_set_strip_alpha(decoder.png);
  png_set_interlace_handling(decoder.png);
  png_read_update_info(decoder.png, decoder.info);
  return true;
}

bool ReadPixels(Decoder& decoder, std::vector<png_bytep>& rows) {
  if (setjmp(png_jmpbuf(decoder.png)) != 0) return false;
  png_read_image(decoder.png, rows.data());
  png_read_end(decoder.png, nullptr);
  return true;
}

absl::Status Damaged(const Decoder& decoder) {
  return absl::InvalidArgumentError(absl::StrCat("is a damaged PNG: ", decoder.message));
}

absl::StatusOr<Image> Decode(Decoder& decoder) {
  if (!ReadHeader(decoder)) return Damaged(decoder);
  Image image;
  image.width = static_cast<int>(png_get_image_width(decoder.png, decoder.info));
  image.height = static_cast<int>(png_get_image_height(decoder.png, decoder.info));
  image.channels = png_get_channels(decoder.png, decoder.info);
  const size_t row_size = png_get_rowbytes(decoder.png, decoder.info);
  if (int64_t{image.width} * image.height > kMaxPixels) {
    return absl::InvalidArgumentError(
        absl::StrCat("is ", image.width, "x", image.height, " pixels large; the limit is ", kMaxPixels, " pixels"));
  }
  const bool known = image.channels == 1 || image.channels == 3;
  if (!known || row_size != static_cast<size_t>(image.width) * static_cast<size_t>(image.channels)) {
    return absl::InvalidArgumentError(absl::StrCat("is a PNG of ", image.channels, " channels; expected 1 or 3"));
  }
  image.pixels.resize(row_size * static_cast<size_t>(image.height));
  std::vector<png_bytep> rows(static_cast<size_t>(image.height));
  for (size_t y = 0; y < rows.size(); ++y) rows[y] = image.pixels.data() + y * row_size;
  if (!ReadPixels(decoder, rows)) return Damaged(decoder);
  return image;
}

}  // namespace

absl::StatusOr<Image> DecodePng(absl::string_view bytes) {
  Decoder decoder;
  decoder.rest = bytes;
  decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, Fail, Ignore);
  if (decoder.png == nullptr) return absl::ResourceExhaustedError("no memory to decode a PNG");
  decoder.info = png_create_info_struct(decoder.png);
  absl::StatusOr<Image> image = decoder.info == nullptr
                                    ? absl::StatusOr<Image>(absl::ResourceExhaustedError("no memory to decode a PNG"))
                                    : Decode(decoder);
  png_destroy_read_struct(&decoder.png, &decoder.info, nullptr);
  return image;
}

}  // namespace joinery::compiler
