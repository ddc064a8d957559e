#include "proxyv/vision/png_file.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "vision/vision_support.hpp"

using proxyv::decode_png;
using proxyv::Image;
using proxyv::ImageLimits;
using proxyv::index_t;
using proxyv::LoadError;
using proxyv::Rgb;
using vision_test::Bytes;
using vision_test::Kind;
using vision_test::picture;

namespace {

/// A kind of PNG: samples are (x * 7 + y * 13 + channel * 5 + 1) * 2654435761 >> 16, cut to `depth` bits.
struct Variant {
  int colour, depth, channels;
};
constexpr Variant variants[] = {
    {PNG_COLOR_TYPE_GRAY, 1, 1},        {PNG_COLOR_TYPE_GRAY, 2, 1},      {PNG_COLOR_TYPE_GRAY, 4, 1},
    {PNG_COLOR_TYPE_GRAY, 8, 1},        {PNG_COLOR_TYPE_GRAY, 16, 1},     {PNG_COLOR_TYPE_RGB, 8, 3},
    {PNG_COLOR_TYPE_RGB, 16, 3},        {PNG_COLOR_TYPE_PALETTE, 1, 1},   {PNG_COLOR_TYPE_PALETTE, 2, 1},
    {PNG_COLOR_TYPE_PALETTE, 4, 1},     {PNG_COLOR_TYPE_PALETTE, 8, 1},   {PNG_COLOR_TYPE_GRAY_ALPHA, 8, 2},
    {PNG_COLOR_TYPE_GRAY_ALPHA, 16, 2}, {PNG_COLOR_TYPE_RGB_ALPHA, 8, 4}, {PNG_COLOR_TYPE_RGB_ALPHA, 16, 4},
};

unsigned sample(const Variant& v, index_t x, index_t y, int channel) {
  const auto n = static_cast<unsigned>(x * 7 + y * 13 + channel * 5 + 1) * 2654435761u;
  const unsigned value = (n >> 16) & ((1u << v.depth) - 1);
  return v.colour == PNG_COLOR_TYPE_GRAY && v.depth == 16 && x % 2 == 0 ? value % 300 : value;
}

png_color palette_colour(unsigned i) {
  return {static_cast<png_byte>(i), static_cast<png_byte>(255 - i), static_cast<png_byte>(i * 3)};
}

/// What Pillow's convert("RGB") makes of the samples.
Rgb expected(const Variant& v, index_t x, index_t y) {
  const auto byte = [&](int channel) {
    const unsigned value = sample(v, x, y, channel);
    if (v.depth < 8) return static_cast<std::uint8_t>(value * 255 / ((1u << v.depth) - 1));
    return static_cast<std::uint8_t>(v.depth == 16 ? value >> 8 : value);
  };
  if (v.colour == PNG_COLOR_TYPE_PALETTE) {
    const png_color c = palette_colour(sample(v, x, y, 0));
    return {c.red, c.green, c.blue};
  }
  if (v.colour == PNG_COLOR_TYPE_GRAY && v.depth == 16) {
    const auto grey = static_cast<std::uint8_t>(std::min(sample(v, x, y, 0), 255u));
    return {grey, grey, grey};
  }
  if (v.channels <= 2) return {byte(0), byte(0), byte(0)};
  return {byte(0), byte(1), byte(2)};
}

void append(png_structp png, png_bytep data, std::size_t size) {
  auto& out = *static_cast<Bytes*>(png_get_io_ptr(png));
  out.insert(out.end(), data, data + size);
}

std::vector<Bytes> packed_rows(const Variant& v, index_t width, index_t height) {
  std::vector<Bytes> rows;
  for (index_t y = 0; y < height; ++y) {
    Bytes row(static_cast<std::size_t>((width * v.channels * v.depth + 7) / 8));
    index_t bit = 0;
    for (index_t x = 0; x < width; ++x) {
      for (int c = 0; c < v.channels; ++c) {
        for (int b = v.depth - 1; b >= 0; --b, ++bit) {
          const unsigned value = (sample(v, x, y, c) >> b) & 1u;
          row[static_cast<std::size_t>(bit / 8)] |= static_cast<unsigned char>(value << (7 - bit % 8));
        }
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

Bytes encode(const Variant& v, index_t width, index_t height, bool interlaced, bool transparent,
             int colours) {
  Bytes out;
  std::vector<Bytes> rows = packed_rows(v, width, height);
  std::vector<png_bytep> pointers;
  for (Bytes& row : rows) pointers.push_back(row.data());
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &out, append, nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), v.depth,
               v.colour, interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (v.colour == PNG_COLOR_TYPE_PALETTE) {
    std::vector<png_color> palette;
    for (int i = 0; i < colours; ++i) palette.push_back(palette_colour(static_cast<unsigned>(i)));
    png_set_check_for_invalid_index(png, 0);
    png_set_PLTE(png, info, palette.data(), colours);
  }
  if (transparent) {
    const png_byte alpha[2] = {0, 100};
    png_color_16 key{};
    key.red = key.green = key.blue = key.gray = 1;
    png_set_tRNS(png, info, alpha, 2, &key);
  }
  png_set_gAMA(png, info, 0.3);
  png_write_info(png, info);
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

Bytes encode(const Variant& v, index_t width, index_t height, bool interlaced = false,
             bool transparent = false) {
  return encode(v, width, height, interlaced, transparent, 1 << std::min(v.depth, 8));
}

std::uint32_t big_endian(const unsigned char* p) {
  return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

void put_big_endian(unsigned char* p, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) p[i] = static_cast<unsigned char>(value >> (24 - 8 * i));
}

/// The checksum of PNG chunks.
std::uint32_t crc32(const unsigned char* data, std::size_t size) {
  std::uint32_t sum = 0xffffffffu;
  for (std::size_t i = 0; i < size; ++i) {
    sum ^= data[i];
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1u) != 0 ? 0xedb88320u : 0u);
  }
  return ~sum;
}

/// Makes every whole chunk's checksum right again, so that damage reaches the code behind it.
void mend_checksums(Bytes& png) {
  std::size_t at = 8;
  while (png.size() - at >= 12) {
    const std::size_t length = big_endian(&png[at]);
    if (length > png.size() - at - 12) return;
    put_big_endian(&png[at + 8 + length], crc32(&png[at + 4], length + 4));
    at += 12 + length;
  }
}

/// A picture's header with other sizes, checksum mended.
Bytes with_size(Bytes png, std::uint32_t width, std::uint32_t height) {
  put_big_endian(&png[16], width);
  put_big_endian(&png[20], height);
  mend_checksums(png);
  return png;
}

}  // namespace

TEST_CASE("decode_png: every colour type, depth and interlacing") {
  for (const Variant& v : variants) {
    for (const bool interlaced : {false, true}) {
      for (const bool transparent : {false, true}) {
        if (transparent && (v.colour & PNG_COLOR_MASK_ALPHA) != 0) continue;
        for (const auto& [width, height] : {std::pair<index_t, index_t>{1, 1}, {13, 9}, {33, 2}}) {
          CAPTURE(v.colour, v.depth, interlaced, transparent, width, height);
          const Image image = decode_png(encode(v, width, height, interlaced, transparent), "a.png");
          REQUIRE(image.width() == width);
          REQUIRE(image.height() == height);
          int wrong = 0;
          for (index_t y = 0; y < height; ++y) {
            for (index_t x = 0; x < width; ++x) wrong += image.at(x, y) == expected(v, x, y) ? 0 : 1;
          }
          CHECK(wrong == 0);
        }
      }
    }
  }
}

TEST_CASE("decode_png: a palette index without a colour is black") {
  const Variant v{PNG_COLOR_TYPE_PALETTE, 8, 1};
  const Image image = decode_png(encode(v, 16, 16, false, false, 100), "a.png");
  int outside = 0;
  for (index_t y = 0; y < 16; ++y) {
    for (index_t x = 0; x < 16; ++x) {
      const bool black = sample(v, x, y, 0) >= 100;
      outside += black ? 1 : 0;
      CHECK(image.at(x, y) == (black ? Rgb{0, 0, 0} : expected(v, x, y)));
    }
  }
  CHECK(outside > 0);
}

TEST_CASE("decode_png: sizes are checked before anything is decoded") {
  const Bytes good = encode({PNG_COLOR_TYPE_RGB, 8, 3}, 5, 5);
  CHECK_THROWS_WITH(decode_png(with_size(good, 32769, 1), "a.png"),
                    "a.png: image of 32769 x 1 pixels, at most 32768 to a side");
  CHECK_THROWS_WITH(decode_png(with_size(good, 20000, 20000), "a.png"),
                    "a.png: image of 20000 x 20000 pixels, at most 67108864 in all");
  CHECK_THROWS_WITH(decode_png(with_size(good, 0x7fffffff, 0x7fffffff), "a.png"),
                    ContainsSubstring("image of 2147483647 x 2147483647 pixels"));
  CHECK_THROWS_WITH(decode_png(with_size(good, 0, 5), "a.png"),
                    ContainsSubstring("a.png: not a usable PNG: "));
  CHECK_THROWS_WITH(decode_png(with_size(good, 0x80000000u, 5), "a.png"),
                    ContainsSubstring("a.png: not a usable PNG: "));
  CHECK_THROWS_WITH(decode_png(good, "a.png", ImageLimits{.max_pixels = 24}),
                    "a.png: image of 5 x 5 pixels, at most 24 in all");
  CHECK_NOTHROW(decode_png(good, "a.png", ImageLimits{.max_pixels = 25, .max_side = 5}));
}

TEST_CASE("decode_png: fewer rows than the header states") {
  const Bytes good = encode({PNG_COLOR_TYPE_RGB, 8, 3}, 5, 5);
  CHECK_THROWS_WITH(decode_png(with_size(good, 5, 6), "a.png"),
                    "a.png: not a usable PNG: Not enough image data");
  CHECK_THROWS_AS(decode_png(with_size(good, 3000, 3000), "a.png"), LoadError);
}

TEST_CASE("decode_png: a wrong checksum") {
  Bytes bad = encode({PNG_COLOR_TYPE_RGB, 8, 3}, 5, 5);
  bad[bad.size() - 20] ^= 1;  // inside IDAT
  CHECK_THROWS_WITH(decode_png(bad, "a.png"), ContainsSubstring("a.png: not a usable PNG: "));
}

TEST_CASE("decode_png: every truncation is refused") {
  for (const Variant& v : {variants[2], variants[5], variants[10], variants[14]}) {
    const Bytes good = encode(v, 9, 7, v.depth == 8);
    REQUIRE_NOTHROW(decode_png(good, "a.png"));
    for (std::size_t size = 0; size < good.size(); ++size) {
      CAPTURE(size);
      CHECK_THROWS_WITH(decode_png({good.data(), size}, "a.png"),
                        ContainsSubstring("a.png: not a usable PNG: "));
    }
  }
}

TEST_CASE("decode_png: flipped bits load or are refused") {
  for (const Variant& v : {variants[1], variants[4], variants[5], variants[8], variants[13]}) {
    const Bytes good = encode(v, 9, 7, v.depth == 8, v.colour == PNG_COLOR_TYPE_PALETTE);
    const ImageLimits limits{.max_pixels = 1 << 16};
    CHECK(vision_test::load_flipped(good, 400, [&](const Bytes& bad) { decode_png(bad, "a.png", limits); }) <
          200);
    const int loaded = vision_test::load_flipped(good, 400, [&](Bytes bad) {
      mend_checksums(bad);
      const Image image = decode_png(bad, "a.png", limits);
      if (image.empty()) throw std::logic_error("an empty image came out");
    });
    CHECK(loaded > 0);
    CHECK(loaded < 400);
  }
}

TEST_CASE("write_png: what is written is read") {
  const vision_test::TempFolder folder;
  for (const auto& [width, height] : {std::pair<index_t, index_t>{1, 1}, {7, 50}, {200, 3}}) {
    const Image image = picture(Kind::noise, width, height);
    write_png(folder / "a.png", image);
    std::ifstream file(folder / "a.png", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    CHECK(decode_png(Bytes(text.begin(), text.end()), "a.png") == image);
  }
}

TEST_CASE("write_png: what cannot be written") {
  const vision_test::TempFolder folder;
  CHECK_THROWS_WITH(write_png(folder / "a.png", Image()), ContainsSubstring("a.png: the image is empty"));
  CHECK_THROWS_WITH(write_png(folder / "no/a.png", Image(2, 2)),
                    ContainsSubstring("no/a.png: cannot be opened for writing"));
  if (std::filesystem::exists("/dev/full")) {
    std::filesystem::create_symlink("/dev/full", folder / "full.png");
    CHECK_THROWS_WITH(write_png(folder / "full.png", Image(2, 2)),
                      ContainsSubstring("full.png: cannot be written: "));
    CHECK_THROWS_WITH(write_png(folder / "full.png", picture(Kind::noise, 300, 300)),
                      ContainsSubstring("full.png: cannot be written: "));
    CHECK(std::filesystem::exists("/dev/full"));
  }
}
