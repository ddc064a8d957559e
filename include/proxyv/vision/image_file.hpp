// Picture files: PNG or JPEG, told apart by their first bytes. Link with -lpng -ljpeg.
//
// No other header of the library includes this one, so only its users need libpng and libjpeg.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "proxyv/core/error.hpp"
#include "proxyv/vision/image.hpp"
#include "proxyv/vision/image_limits.hpp"
#include "proxyv/vision/jpeg_file.hpp"
#include "proxyv/vision/png_file.hpp"

namespace proxyv::inline v0 {
namespace detail {

/// The whole of an ordinary file, or LoadError.
inline std::vector<unsigned char> read_picture_bytes(const std::filesystem::path& path,
                                                     std::size_t max_bytes) {
  const std::string name = path.string();
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  PROXYV_CHECK(std::filesystem::exists(status), LoadError, name, ": no such file");
  PROXYV_CHECK(std::filesystem::is_regular_file(status), LoadError, name, ": not an ordinary file");
  const auto size = std::filesystem::file_size(path, error);
  PROXYV_CHECK(!error, LoadError, name, ": cannot be read: ", error.message());
  PROXYV_CHECK(size <= max_bytes, LoadError, name, ": ", size, " bytes, at most ", max_bytes);

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
  PROXYV_CHECK(file != nullptr, LoadError, name, ": cannot be opened");
  std::vector<unsigned char> bytes(static_cast<std::size_t>(size));
  const std::size_t count = std::fread(bytes.data(), 1, bytes.size(), file.get());
  PROXYV_CHECK(count == bytes.size(), LoadError, name, ": read ", count, " of ", size, " bytes");
  return bytes;
}

inline bool begins_with(std::span<const unsigned char> bytes, std::span<const unsigned char> signature) {
  return bytes.size() >= signature.size() && std::equal(signature.begin(), signature.end(), bytes.begin());
}

}  // namespace detail

/// Decodes a PNG or JPEG from memory; `name` stands for the file in messages.
/// Throws LoadError, see decode_png and decode_jpeg.
inline Image decode_image(std::span<const unsigned char> bytes, std::string_view name,
                          const ImageLimits& limits = {}) {
  static constexpr std::array<unsigned char, 8> png{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  static constexpr std::array<unsigned char, 3> jpeg{0xff, 0xd8, 0xff};
  if (detail::begins_with(bytes, png)) return decode_png(bytes, name, limits);
  if (detail::begins_with(bytes, jpeg)) return decode_jpeg(bytes, name, limits);
  detail::fail(LoadError(detail::concat(name, ": neither PNG nor JPEG")));
}

/// Reads a PNG or JPEG file, whatever it is called.
/// Throws LoadError naming the file when it cannot be read, is over the limits, truncated or corrupt.
inline Image read_image(const std::filesystem::path& path, const ImageLimits& limits = {}) {
  const std::vector<unsigned char> bytes = detail::read_picture_bytes(path, limits.max_file_bytes);
  return decode_image(bytes, path.string(), limits);
}

}  // namespace proxyv::inline v0
