// PNG files, read and written through libpng. Link with -lpng.
//
// libpng reports errors by longjmp. Only the small noexcept functions that call setjmp call into
// libpng, and none of them holds an object with a destructor; everything that allocates or throws
// stands outside them.
#pragma once

#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "proxyv/core/checked.hpp"
#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"
#include "proxyv/vision/image.hpp"
#include "proxyv/vision/image_limits.hpp"

namespace proxyv::inline v0 {
namespace detail {

struct PngMessage {
  char text[160] = "unknown error";
};

[[noreturn]] inline void png_on_error(png_structp png, png_const_charp text) {
  auto* message = static_cast<PngMessage*>(png_get_error_ptr(png));
  std::snprintf(message->text, sizeof message->text, "%s", text);
  png_longjmp(png, 1);
}

/// Warnings concern what does not reach the pixels.
inline void png_on_warning(png_structp, png_const_charp) {}

/// Decodes one PNG from memory in two steps, so that the caller can look at the header in between.
/// A step returns false when libpng gave up; message() then says why.
class PngReader {
 public:
  /// How the rows arrive: palette indices, 16-bit grey, or ready RGB. The value is bytes per pixel.
  enum class Form : unsigned { index = 1, grey16 = 2, rgb = 3 };

  explicit PngReader(std::span<const unsigned char> bytes) : data_(bytes.data()), left_(bytes.size()) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &message_, png_on_error, png_on_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  bool read_header() noexcept {
    if (info_ == nullptr) return false;
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_read_fn(png_, this, on_read);
    // The caller's limits are checked after the header; no colour profiles and texts are read.
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png_, info_);
    choose_form();
    return true;
  }

  /// Fills width * height * form() bytes.
  bool read_pixels(unsigned char* out) noexcept {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    const int passes = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    const std::size_t row_bytes = png_get_rowbytes(png_, info_);
    if (row_bytes != std::size_t{width()} * static_cast<unsigned>(form_)) {
      png_error(png_, "unexpected row size");
    }
    for (int pass = 0; pass < passes; ++pass) {
      for (png_uint_32 y = 0; y < height(); ++y) png_read_row(png_, out + y * row_bytes, nullptr);
    }
    png_read_end(png_, nullptr);
    return true;
  }

  png_uint_32 width() const { return png_get_image_width(png_, info_); }
  png_uint_32 height() const { return png_get_image_height(png_, info_); }
  Form form() const { return form_; }
  const char* message() const { return message_.text; }

  /// The palette's colours; black for indices that it lacks.
  std::array<Rgb, 256> palette() const {
    std::array<Rgb, 256> out{};
    png_colorp colours = nullptr;
    int count = 0;
    if (png_get_PLTE(png_, info_, &colours, &count) == 0) return out;
    for (int i = 0; i < std::min(count, 256); ++i) {
      out[static_cast<std::size_t>(i)] = {colours[i].red, colours[i].green, colours[i].blue};
    }
    return out;
  }

 private:
  static void on_read(png_structp png, png_bytep out, std::size_t count) {
    auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > self->left_) png_error(png, "the file is truncated");
    std::memcpy(out, self->data_, count);
    self->data_ += count;
    self->left_ -= count;
  }

  /// Asks libpng for RGB where that is what Pillow would give.
  void choose_form() {
    const png_byte colour = png_get_color_type(png_, info_), depth = png_get_bit_depth(png_, info_);
    if (colour == PNG_COLOR_TYPE_PALETTE) {
      png_set_packing(png_);
      form_ = Form::index;
    } else if (colour == PNG_COLOR_TYPE_GRAY && depth == 16) {
      form_ = Form::grey16;
    } else {
      png_set_expand_gray_1_2_4_to_8(png_);
      png_set_strip_16(png_);
      png_set_strip_alpha(png_);
      png_set_gray_to_rgb(png_);
    }
  }

  const unsigned char* data_;
  std::size_t left_;
  PngMessage message_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  Form form_ = Form::rgb;
};

/// Writes one picture to an open file; false when libpng gave up.
class PngWriter {
 public:
  explicit PngWriter(std::FILE* file) : file_(file) {
    png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, &message_, png_on_error, png_on_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;
  ~PngWriter() { png_destroy_write_struct(&png_, &info_); }

  bool write(const Image& image) noexcept {
    if (info_ == nullptr) return false;
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_init_io(png_, file_);
    png_set_IHDR(png_, info_, static_cast<png_uint_32>(image.width()),
                 static_cast<png_uint_32>(image.height()), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png_, info_);
    for (index_t y = 0; y < image.height(); ++y) png_write_row(png_, image.row(y));
    png_write_end(png_, nullptr);
    return true;
  }
  const char* message() const { return message_.text; }

 private:
  std::FILE* file_;
  PngMessage message_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

/// A big-endian 16-bit grey value, cut off at 255.
inline Rgb clipped_grey(const std::uint8_t* in) {
  const std::uint8_t grey = in[0] != 0 ? std::uint8_t{255} : in[1];
  return {grey, grey, grey};
}

}  // namespace detail

/// Decodes a PNG of any colour type, depth and interlacing to what Pillow's convert("RGB") gives.
///
/// Transparency is dropped, not blended; gamma, colour profiles and EXIF orientation are ignored;
/// 16-bit colours keep their upper byte; 16-bit grey is clipped to 255 (as Pillow does it).
/// `name` stands for the file in messages. Throws LoadError for a picture over the limits and for
/// anything truncated or corrupt.
inline Image decode_png(std::span<const unsigned char> bytes, std::string_view name,
                        const ImageLimits& limits = {}) {
  detail::PngReader reader(bytes);
  PROXYV_CHECK(reader.read_header(), LoadError, name, ": not a usable PNG: ", reader.message());
  const index_t width = reader.width(), height = reader.height();
  detail::check_image_limits(name, width, height, limits);
  using Form = detail::PngReader::Form;
  const Form form = reader.form();
  const std::size_t size = byte_count(width * height, static_cast<std::size_t>(form), "decode_png");
  std::vector<std::uint8_t> raw(size);
  PROXYV_CHECK(reader.read_pixels(raw.data()), LoadError, name, ": not a usable PNG: ", reader.message());
  if (form == Form::rgb) return Image::from_pixels(width, height, std::move(raw));

  Image out(width, height);
  const auto palette = reader.palette();
  const std::uint8_t* in = raw.data();
  for (index_t y = 0; y < height; ++y) {
    for (index_t x = 0; x < width; ++x, in += static_cast<std::size_t>(form)) {
      out.set(x, y, form == Form::index ? palette[*in] : detail::clipped_grey(in));
    }
  }
  return out;
}

/// Writes an 8-bit RGB PNG. An ordinary file that could not be finished is removed.
/// Throws ArgumentError for an empty image, LoadError naming the file when it cannot be written.
inline void write_png(const std::filesystem::path& path, const Image& image) {
  const std::string name = path.string();
  PROXYV_CHECK(!image.empty(), ArgumentError, "write_png: ", name, ": the image is empty");
  std::FILE* file = std::fopen(path.c_str(), "wb");
  PROXYV_CHECK(file != nullptr, LoadError, name, ": cannot be opened for writing");
  detail::PngWriter writer(file);
  const bool written = writer.write(image);
  const bool closed = std::fclose(file) == 0;
  if (written && closed) return;
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) std::filesystem::remove(path, error);
  detail::fail(LoadError(name + ": cannot be written: " + (written ? "no space left" : writer.message())));
}

}  // namespace proxyv::inline v0
