#include "proxyv/vision/image_file.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "support/catch.hpp"
#include "vision/vision_support.hpp"

using proxyv::Image;
using proxyv::ImageLimits;
using proxyv::read_image;
using vision_test::Bytes;
using vision_test::TempFolder;

namespace {

Bytes tiny_jpeg() {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_width = jpeg.image_height = 8;
  jpeg.input_components = 1;
  jpeg.in_color_space = JCS_GRAYSCALE;
  jpeg_set_defaults(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  Bytes row(8, 90);
  for (int y = 0; y < 8; ++y) {
    JSAMPROW pointer = row.data();
    jpeg_write_scanlines(&jpeg, &pointer, 1);
  }
  jpeg_finish_compress(&jpeg);
  Bytes out(memory, memory + size);
  std::free(memory);
  jpeg_destroy_compress(&jpeg);
  return out;
}

}  // namespace

TEST_CASE("read_image: the format comes from the first bytes, not from the name") {
  const TempFolder folder;
  const Image image = vision_test::picture(vision_test::Kind::noise, 11, 6);
  write_png(folder / "a.jpg", image);
  CHECK(read_image(folder / "a.jpg") == image);
  vision_test::write_file(folder / "b.png", tiny_jpeg());
  CHECK(read_image(folder / "b.png") == Image(8, 8, {90, 90, 90}));
}

TEST_CASE("read_image: what is no picture") {
  const TempFolder folder;
  for (const std::string text : {"", "\xff\xd8", "\x89PNG\r\n\x1a", "GIF89a......", "BM............"}) {
    const Bytes bytes(text.begin(), text.end());
    vision_test::write_file(folder / "a.png", bytes);
    CHECK_THROWS_WITH(read_image(folder / "a.png"), (folder / "a.png").string() + ": neither PNG nor JPEG");
  }
}

TEST_CASE("read_image: what cannot be read") {
  const TempFolder folder;
  CHECK_THROWS_WITH(read_image(folder / "none.png"), ContainsSubstring("none.png: no such file"));
  CHECK_THROWS_WITH(read_image(folder / "."), ContainsSubstring(": not an ordinary file"));
  REQUIRE(mkfifo((folder / "pipe.png").c_str(), 0600) == 0);
  CHECK_THROWS_WITH(read_image(folder / "pipe.png"), ContainsSubstring("pipe.png: not an ordinary file"));
  CHECK_THROWS_AS(read_image(std::string(5000, 'x')), proxyv::LoadError);
  CHECK_THROWS_AS(read_image(""), proxyv::LoadError);
}

TEST_CASE("read_image: limits reach the decoders") {
  const TempFolder folder;
  write_png(folder / "a.png", Image(11, 6));
  CHECK_THROWS_WITH(read_image(folder / "a.png", ImageLimits{.max_pixels = 65}),
                    ContainsSubstring("a.png: image of 11 x 6 pixels, at most 65 in all"));
  const auto size = std::filesystem::file_size(folder / "a.png");
  CHECK_NOTHROW(read_image(folder / "a.png", ImageLimits{.max_file_bytes = size}));
  CHECK_THROWS_WITH(
      read_image(folder / "a.png", ImageLimits{.max_file_bytes = size - 1}),
      ContainsSubstring("a.png: " + std::to_string(size) + " bytes, at most " + std::to_string(size - 1)));
  vision_test::write_file(folder / "b.jpg", tiny_jpeg());
  CHECK_THROWS_WITH(read_image(folder / "b.jpg", ImageLimits{.max_side = 7}),
                    ContainsSubstring("b.jpg: image of 8 x 8 pixels, at most 7 to a side"));
}

TEST_CASE("read_image: a damaged file is named") {
  const TempFolder folder;
  write_png(folder / "a.png", Image(11, 6));
  std::filesystem::resize_file(folder / "a.png", 50);
  CHECK_THROWS_WITH(read_image(folder / "a.png"),
                    (folder / "a.png").string() + ": not a usable PNG: the file is truncated");
}
