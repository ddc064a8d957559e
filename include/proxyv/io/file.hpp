// Opening and reading whole files. One descriptor, opened once: what is checked is what is read.
//
// POSIX calls live here and in mmap.hpp only.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>

#include "proxyv/core/checked.hpp"
#include "proxyv/core/error.hpp"
#include "proxyv/io/quote.hpp"

namespace proxyv::inline v0 {
namespace io {
namespace detail {

inline std::string system_message(int code) { return std::generic_category().message(code); }

/// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// A regular file open for reading and its size at that moment.
struct OpenFile {
  Descriptor fd;
  std::size_t size;
};

inline OpenFile open_regular(const std::string& path) {
  const std::string shown = shown_path(path);
  PROXYV_CHECK(path.find('\0') == std::string::npos, LoadError, shown, ": a path cannot hold a zero byte");
  int number = -1;
  do {
    // Without O_NONBLOCK opening a pipe would wait for a writer; regular files do not care.
    number = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  } while (number < 0 && errno == EINTR);
  PROXYV_CHECK(number >= 0, LoadError, shown, ": cannot open: ", system_message(errno));
  Descriptor fd(number);
  struct stat info {};
  PROXYV_CHECK(::fstat(fd.get(), &info) == 0, LoadError, shown,
               ": cannot read size: ", system_message(errno));
  PROXYV_CHECK(S_ISREG(info.st_mode), LoadError, shown, ": wanted a regular file, found ",
               S_ISDIR(info.st_mode) ? "a directory" : "something else");
  const auto size = checked_narrow<std::size_t>(info.st_size);
  PROXYV_CHECK(size.has_value(), LoadError, shown, ": size ", info.st_size, " does not fit into memory");
  return {std::move(fd), *size};
}

/// Fills `size` bytes; short and interrupted reads are continued.
inline void read_exactly(int fd, void* out, std::size_t size, const std::string& shown) {
  constexpr std::size_t most_at_once = std::size_t{1} << 30;
  auto* next = static_cast<std::byte*>(out);
  std::size_t left = size;
  while (left > 0) {
    const auto count = ::read(fd, next, std::min(left, most_at_once));
    if (count < 0 && errno == EINTR) continue;
    PROXYV_CHECK(count >= 0, LoadError, shown, ": cannot read: ", system_message(errno));
    PROXYV_CHECK(count > 0, LoadError, shown, ": wanted ", size, " bytes, found only ", size - left);
    next += count;
    left -= static_cast<std::size_t>(count);
  }
}

}  // namespace detail

/// The whole content of a regular file.
/// Throws LoadError when it cannot be read or holds more than `max_bytes` (nothing is read then).
inline std::string read_file(const std::string& path, std::size_t max_bytes) {
  const detail::OpenFile file = detail::open_regular(path);
  const std::string shown = shown_path(path);
  PROXYV_CHECK(file.size <= max_bytes, LoadError, shown, ": wanted at most ", max_bytes, " bytes, found ",
               file.size);
  std::string content(file.size, '\0');
  detail::read_exactly(file.fd.get(), content.data(), content.size(), shown);
  return content;
}

}  // namespace io
}  // namespace proxyv::inline v0
