// JPEG files, read through libjpeg-turbo. Link with -ljpeg.
//
// libjpeg's errors leave by longjmp. As in png_file.hpp, only small noexcept functions without
// objects to destroy call into the library.
#pragma once

#include <cstddef>
#include <cstdio>  // jpeglib.h wants FILE

#include <jpeglib.h>

#include <jerror.h>

#include <csetjmp>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "proxyv/core/checked.hpp"
#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"
#include "proxyv/vision/image.hpp"
#include "proxyv/vision/image_limits.hpp"

namespace proxyv::inline v0 {
namespace detail {

/// Progressive files have about ten scans; each costs time over the whole picture, whatever its bytes.
inline constexpr int max_jpeg_scans = 100;

/// Decodes one JPEG from memory in two steps, so that the caller can look at the header in between.
/// A step returns false when libjpeg gave up; message() then says why.
class JpegReader {
 public:
  explicit JpegReader(std::span<const unsigned char> bytes) : bytes_(bytes) {
    jpeg_.err = jpeg_std_error(&errors_);
    jpeg_.client_data = this;
    errors_.error_exit = on_error;
    errors_.emit_message = on_message;
    errors_.output_message = [](j_common_ptr) {};
    progress_.progress_monitor = on_progress;
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&jpeg_); }

  bool read_header() noexcept {
    if (setjmp(jump_) != 0) return false;
    jpeg_create_decompress(&jpeg_);
    jpeg_.progress = &progress_;
    jpeg_mem_src(&jpeg_, bytes_.data(), static_cast<unsigned long>(bytes_.size()));
    jpeg_read_header(&jpeg_, TRUE);
    return true;
  }

  /// Fills width * height * 3 bytes of RGB and reads on to the end of the picture.
  bool read_pixels(unsigned char* out) noexcept {
    if (setjmp(jump_) != 0) return false;
    jpeg_.out_color_space = JCS_RGB;
    jpeg_start_decompress(&jpeg_);
    const std::size_t row_bytes = std::size_t{jpeg_.output_width} * 3;
    while (jpeg_.output_scanline < jpeg_.output_height) {
      JSAMPROW row = out + jpeg_.output_scanline * row_bytes;
      jpeg_read_scanlines(&jpeg_, &row, 1);
    }
    jpeg_finish_decompress(&jpeg_);
    return true;
  }

  index_t width() const { return jpeg_.image_width; }
  index_t height() const { return jpeg_.image_height; }
  /// Colours that RGB can be made of; not CMYK.
  bool grey_or_colour() const {
    const J_COLOR_SPACE space = jpeg_.jpeg_color_space;
    return (space == JCS_GRAYSCALE && jpeg_.num_components == 1) ||
           ((space == JCS_YCbCr || space == JCS_RGB) && jpeg_.num_components == 3);
  }
  int components() const { return jpeg_.num_components; }
  bool arithmetic() const { return jpeg_.arith_code != 0; }
  const char* message() const { return message_; }

 private:
  static JpegReader& self(j_common_ptr jpeg) { return *static_cast<JpegReader*>(jpeg->client_data); }

  [[noreturn]] static void on_error(j_common_ptr jpeg) {
    (*jpeg->err->format_message)(jpeg, self(jpeg).message_);
    std::longjmp(self(jpeg).jump_, 1);
  }

  /// Warnings that mean missing or damaged pixels count as errors; stray bytes and the like do not.
  static void on_message(j_common_ptr jpeg, int level) {
    if (level >= 0) return;
    switch (jpeg->err->msg_code) {
      case JWRN_JPEG_EOF:
      case JWRN_HIT_MARKER:
      case JWRN_HUFF_BAD_CODE:
      case JWRN_MUST_RESYNC: on_error(jpeg);
      default: return;
    }
  }

  static void on_progress(j_common_ptr jpeg) {
    JpegReader& reader = self(jpeg);
    if (reader.jpeg_.input_scan_number <= max_jpeg_scans) return;
    std::snprintf(reader.message_, sizeof reader.message_, "more than %d scans", max_jpeg_scans);
    std::longjmp(reader.jump_, 1);
  }

  std::span<const unsigned char> bytes_;
  jpeg_decompress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_{};
  char message_[JMSG_LENGTH_MAX] = "unknown error";
};

}  // namespace detail

/// Decodes a grey or colour JPEG, baseline or progressive, to RGB as Pillow does.
///
/// EXIF orientation and colour profiles are ignored. `name` stands for the file in messages.
/// Throws LoadError for a picture over the limits, for CMYK and arithmetic coding, and for
/// anything truncated or corrupt. A progressive file also takes 6 bytes per pixel while decoding.
inline Image decode_jpeg(std::span<const unsigned char> bytes, std::string_view name,
                         const ImageLimits& limits = {}) {
  detail::JpegReader reader(bytes);
  PROXYV_CHECK(reader.read_header(), LoadError, name, ": not a usable JPEG: ", reader.message());
  const index_t width = reader.width(), height = reader.height();
  detail::check_image_limits(name, width, height, limits);
  PROXYV_CHECK(reader.grey_or_colour(), LoadError, name, ": wanted a grey or RGB JPEG, found ",
               reader.components(), reader.components() == 4 ? " components (CMYK)" : " components");
  PROXYV_CHECK(!reader.arithmetic(), LoadError, name,
               ": JPEG with arithmetic coding, which is not supported");
  std::vector<std::uint8_t> pixels(byte_count(width * height, Image::channels, "decode_jpeg"));
  PROXYV_CHECK(reader.read_pixels(pixels.data()), LoadError, name, ": not a usable JPEG: ", reader.message());
  return Image::from_pixels(width, height, std::move(pixels));
}

}  // namespace proxyv::inline v0
