#include "proxyv/vision/jpeg_file.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "vision/vision_support.hpp"

using proxyv::decode_jpeg;
using proxyv::Image;
using proxyv::ImageLimits;
using proxyv::index_t;
using proxyv::LoadError;
using vision_test::Bytes;
using vision_test::Kind;
using vision_test::picture;

namespace {

// Printed by make_preprocess_golden.py: a 21 x 17 picture written by Pillow.
constexpr unsigned char by_pillow[] = {
    255, 216, 255, 224, 0,   16,  74,  70,  73,  70,  0,   1,   1,   0,   0,   1,   0,   1,   0,   0,   255,
    219, 0,   67,  0,   13,  9,   10,  11,  10,  8,   13,  11,  10,  11,  14,  14,  13,  15,  19,  32,  21,
    19,  18,  18,  19,  39,  28,  30,  23,  32,  46,  41,  49,  48,  46,  41,  45,  44,  51,  58,  74,  62,
    51,  54,  70,  55,  44,  45,  64,  87,  65,  70,  76,  78,  82,  83,  82,  50,  62,  90,  97,  90,  80,
    96,  74,  81,  82,  79,  255, 219, 0,   67,  1,   14,  14,  14,  19,  17,  19,  38,  21,  21,  38,  79,
    53,  45,  53,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,
    79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,
    79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  79,  255, 192, 0,   17,  8,   0,   17,  0,   21,  3,
    1,   34,  0,   2,   17,  1,   3,   17,  1,   255, 196, 0,   23,  0,   1,   1,   1,   1,   0,   0,   0,
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   5,   4,   2,   255, 196, 0,   32,  16,  0,   1,   4,
    2,   1,   5,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   1,   2,   3,   49,  4,   18,  65,
    34,  50,  67,  114, 177, 255, 196, 0,   23,  1,   0,   3,   1,   0,   0,   0,   0,   0,   0,   0,   0,
    0,   0,   0,   0,   0,   4,   5,   6,   7,   255, 196, 0,   31,  17,  0,   2,   2,   1,   4,   3,   0,
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   1,   2,   3,   17,  4,   5,   33,  49,  50,  52,  113,
    255, 218, 0,   12,  3,   1,   0,   2,   17,  3,   17,  0,   63,  0,   145, 139, 29,  22,  113, 35,  163,
    30,  44,  52,  84,  107, 117, 98,  53,  45,  223, 7,   26,  139, 227, 69,  78,  201, 116, 132, 169, 101,
    224, 233, 19,  117, 87,  37,  112, 13,  80,  67,  208, 12,  254, 203, 37,  100, 220, 229, 219, 228, 45,
    44,  112, 72,  197, 224, 223, 229, 111, 168, 5,   126, 247, 234, 63,  168, 30,  191, 34,  140, 29,  128,
    2,   52,  32,  255, 217,
};

struct Options {
  J_COLOR_SPACE space = JCS_RGB;
  int quality = 90;
  bool progressive = false;
  bool full_colour = false;  // 4:4:4 instead of 4:2:0
  unsigned restart = 0;
  std::vector<jpeg_scan_info> scans = {};
};

/// Writes `image` as a JPEG; grey takes its red, CMYK its red and a constant.
Bytes encode(const Image& image, const Options& options = {}) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_width = static_cast<JDIMENSION>(image.width());
  jpeg.image_height = static_cast<JDIMENSION>(image.height());
  jpeg.in_color_space = options.space;
  jpeg.input_components = options.space == JCS_GRAYSCALE ? 1 : options.space == JCS_CMYK ? 4 : 3;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, options.quality, TRUE);
  if (options.progressive) jpeg_simple_progression(&jpeg);
  if (!options.scans.empty()) {
    jpeg.scan_info = options.scans.data();
    jpeg.num_scans = static_cast<int>(options.scans.size());
  }
  if (options.full_colour) jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 1;
  jpeg.restart_interval = options.restart;
  jpeg_start_compress(&jpeg, TRUE);
  const auto components = static_cast<std::size_t>(jpeg.input_components);
  for (index_t y = 0; y < image.height(); ++y) {
    Bytes row(static_cast<std::size_t>(image.width()) * components, 77);
    for (index_t x = 0; x < image.width(); ++x) {
      const proxyv::Rgb colour = image.at(x, y);
      std::copy_n(colour.begin(), std::min<std::size_t>(components, 3),
                  &row[static_cast<std::size_t>(x) * components]);
    }
    JSAMPROW pointer = row.data();
    jpeg_write_scanlines(&jpeg, &pointer, 1);
  }
  jpeg_finish_compress(&jpeg);
  Bytes out(memory, memory + size);
  std::free(memory);
  jpeg_destroy_compress(&jpeg);
  return out;
}

/// A slow gradient, which survives compression well.
Image gradient(index_t width, index_t height) {
  Image out(width, height);
  for (index_t y = 0; y < height; ++y) {
    for (index_t x = 0; x < width; ++x) {
      out.set(x, y,
              {static_cast<std::uint8_t>(50 + x), static_cast<std::uint8_t>(200 - y),
               static_cast<std::uint8_t>(100 + (x + y) / 2)});
    }
  }
  return out;
}

int largest_difference(const Image& a, const Image& b) {
  int most = 0;
  for (std::size_t i = 0; i < a.pixels().size(); ++i)
    most = std::max(most, std::abs(a.pixels()[i] - b.pixels()[i]));
  return most;
}

/// The place of the first marker 0xff `code`.
std::size_t marker(const Bytes& jpeg, unsigned char code) {
  const unsigned char wanted[2] = {0xff, code};
  const auto found = std::search(jpeg.begin(), jpeg.end(), wanted, wanted + 2);
  if (found == jpeg.end()) throw std::logic_error("no such marker");
  return static_cast<std::size_t>(found - jpeg.begin());
}

/// With other sizes in its frame header.
Bytes with_size(Bytes jpeg, unsigned width, unsigned height) {
  const std::size_t at = marker(jpeg, 0xc0);
  jpeg[at + 5] = static_cast<unsigned char>(height >> 8);
  jpeg[at + 6] = static_cast<unsigned char>(height);
  jpeg[at + 7] = static_cast<unsigned char>(width >> 8);
  jpeg[at + 8] = static_cast<unsigned char>(width);
  return jpeg;
}

/// One scan per coefficient and bit plane of a grey picture: a valid file of 1 + 63 * planes scans.
std::vector<jpeg_scan_info> many_scans(int planes) {
  std::vector<jpeg_scan_info> out{{1, {0, 0, 0, 0}, 0, 0, 0, 0}};
  for (int plane = planes - 1; plane >= 0; --plane) {
    for (int k = 1; k < 64; ++k)
      out.push_back({1, {0, 0, 0, 0}, k, k, plane == planes - 1 ? 0 : plane + 1, plane});
  }
  return out;
}

}  // namespace

TEST_CASE("decode_jpeg: bit for bit as Pillow") {
  const Image image = decode_jpeg(by_pillow, "a.jpg");
  CHECK(image.width() == 21);
  CHECK(image.height() == 17);
  CHECK(vision_test::hash(image) == 0x3dec79735d7d74d3u);
}

TEST_CASE("decode_jpeg: baseline, progressive, subsampled and restarted") {
  const Image image = gradient(61, 43);
  for (const bool progressive : {false, true}) {
    for (const bool full_colour : {false, true}) {
      for (const unsigned restart : {0u, 3u}) {
        CAPTURE(progressive, full_colour, restart);
        const Bytes file =
            encode(image, {.progressive = progressive, .full_colour = full_colour, .restart = restart});
        const Image out = decode_jpeg(file, "a.jpg");
        REQUIRE(out.width() == 61);
        REQUIRE(out.height() == 43);
        CHECK(largest_difference(out, image) <= 4);
      }
    }
  }
}

TEST_CASE("decode_jpeg: grey becomes RGB") {
  const Image image = gradient(20, 9);
  const Image out = decode_jpeg(encode(image, {.space = JCS_GRAYSCALE}), "a.jpg");
  for (index_t x = 0; x < 20; ++x) {
    const proxyv::Rgb colour = out.at(x, 4);
    CHECK(std::abs(colour[0] - (50 + x)) <= 2);
    CHECK(colour[1] == colour[0]);
    CHECK(colour[2] == colour[0]);
  }
}

TEST_CASE("decode_jpeg: what is not supported") {
  CHECK_THROWS_WITH(decode_jpeg(encode(gradient(9, 9), {.space = JCS_CMYK}), "a.jpg"),
                    "a.jpg: wanted a grey or RGB JPEG, found 4 components (CMYK)");
  Bytes arithmetic = encode(gradient(9, 9));
  arithmetic[marker(arithmetic, 0xc0) + 1] = 0xc9;
  CHECK_THROWS_WITH(decode_jpeg(arithmetic, "a.jpg"),
                    "a.jpg: JPEG with arithmetic coding, which is not supported");
  Bytes twelve_bits = encode(gradient(9, 9));
  twelve_bits[marker(twelve_bits, 0xc0) + 4] = 12;
  CHECK_THROWS_WITH(decode_jpeg(twelve_bits, "a.jpg"), ContainsSubstring("a.jpg: not a usable JPEG: "));
}

TEST_CASE("decode_jpeg: sizes are checked before anything is decoded") {
  const Bytes good = encode(gradient(9, 9));
  CHECK_THROWS_WITH(decode_jpeg(with_size(good, 32769, 1), "a.jpg"),
                    "a.jpg: image of 32769 x 1 pixels, at most 32768 to a side");
  CHECK_THROWS_WITH(decode_jpeg(with_size(good, 20000, 20000), "a.jpg"),
                    "a.jpg: image of 20000 x 20000 pixels, at most 67108864 in all");
  CHECK_THROWS_WITH(decode_jpeg(with_size(good, 9, 0), "a.jpg"), ContainsSubstring("not a usable JPEG"));
  CHECK_THROWS_WITH(decode_jpeg(good, "a.jpg", ImageLimits{.max_side = 8}),
                    "a.jpg: image of 9 x 9 pixels, at most 8 to a side");
}

TEST_CASE("decode_jpeg: missing pixels are refused, stray bytes are not") {
  const Bytes good = encode(picture(Kind::waves, 40, 30));
  const Image image = decode_jpeg(good, "a.jpg");
  Bytes stray = good;
  stray.insert(stray.end() - 2, {0, 0, 0});
  CHECK(decode_jpeg(stray, "a.jpg") == image);
  stray = good;
  stray.insert(stray.end(), {1, 2, 3});
  CHECK(decode_jpeg(stray, "a.jpg") == image);

  Bytes closed(good.begin(), good.end() - 200);
  closed.insert(closed.end(), {0xff, 0xd9});
  CHECK_THROWS_WITH(decode_jpeg(closed, "a.jpg"),
                    "a.jpg: not a usable JPEG: Corrupt JPEG data: premature end of data segment");
  CHECK_THROWS_WITH(decode_jpeg(with_size(good, 40, 3000), "a.jpg"),
                    ContainsSubstring("a.jpg: not a usable JPEG"));
}

TEST_CASE("decode_jpeg: every truncation is refused") {
  for (const bool progressive : {false, true}) {
    const Bytes good = encode(picture(Kind::waves, 19, 17), {.quality = 50, .progressive = progressive});
    REQUIRE_NOTHROW(decode_jpeg(good, "a.jpg"));
    for (std::size_t size = 0; size < good.size(); ++size) {
      CAPTURE(size);
      CHECK_THROWS_WITH(decode_jpeg({good.data(), size}, "a.jpg"),
                        ContainsSubstring("a.jpg: not a usable JPEG: "));
    }
  }
}

TEST_CASE("decode_jpeg: too many scans are refused") {
  const Image image = gradient(16, 16);
  const Options few{.space = JCS_GRAYSCALE, .scans = many_scans(1)},
      many{.space = JCS_GRAYSCALE, .scans = many_scans(2)};
  CHECK_NOTHROW(decode_jpeg(encode(image, few), "a.jpg"));
  CHECK_THROWS_WITH(decode_jpeg(encode(image, many), "a.jpg"),
                    "a.jpg: not a usable JPEG: more than 100 scans");
}

TEST_CASE("decode_jpeg: flipped bits load or are refused") {
  const Image image = picture(Kind::waves, 19, 17);
  const ImageLimits limits{.max_pixels = 1 << 16};
  for (const Options& options : {Options{}, Options{.progressive = true}, Options{.restart = 1},
                                 Options{.space = JCS_GRAYSCALE, .progressive = true}}) {
    const int loaded = vision_test::load_flipped(encode(image, options), 500, [&](const Bytes& bad) {
      if (decode_jpeg(bad, "a.jpg", limits).empty()) throw std::logic_error("an empty image came out");
    });
    CHECK(loaded > 0);
    CHECK(loaded < 500);
  }
}
