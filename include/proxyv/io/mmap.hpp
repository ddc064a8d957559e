// MappedFile: the bytes of a file, mapped read-only or, on request, copied.
//
// A mapping is not protected from a program that cuts the file short while we read it (the system
// then ends the process); the copy is, at the price of memory and time.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "proxyv/core/buffer.hpp"
#include "proxyv/io/file.hpp"

namespace proxyv::inline v0 {
namespace io {

/// How a file's bytes are held: in place, or in memory of our own.
enum class FileAccess : std::uint8_t { map, copy };

/// The whole content of one regular file. Move-only; the bytes keep their address when moved.
class MappedFile {
 public:
  /// Throws LoadError naming the file and the system's reason. An empty file has no bytes and is fine.
  explicit MappedFile(std::string path, FileAccess access = FileAccess::map) : path_(std::move(path)) {
    const detail::OpenFile file = detail::open_regular(path_);
    if (file.size == 0) return;
    const std::string shown = shown_path(path_);
    const auto size = checked_narrow<index_t>(file.size);
    PROXYV_CHECK(size.has_value(), LoadError, shown, ": size ", file.size, " does not fit into memory");
    if (access == FileAccess::copy) {
      bytes_ = host_buffer<std::byte>(*size);
      detail::read_exactly(file.fd.get(), bytes_.data(), file.size, shown);
      return;
    }
    void* data = ::mmap(nullptr, file.size, PROT_READ, MAP_PRIVATE, file.fd.get(), 0);
    PROXYV_CHECK(data != MAP_FAILED, LoadError, shown, ": cannot map: ", detail::system_message(errno));
    proxyv::detail::ask_for_large_pages(data, file.size);
    bytes_ = Buffer<std::byte>(static_cast<std::byte*>(data), *size,
                               [](void* p, std::size_t bytes) noexcept { ::munmap(p, bytes); });
    mapped_ = true;
  }

  /// Gives back the memory of whole pages inside these bytes, of a mapping only: they are read again when they are
  /// looked at again. Bytes outside the file are left alone.
  void forget(const std::byte* bytes, std::size_t size) const {
    if (!mapped_ || size == 0 || !holds(bytes, size)) return;
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto begin = (reinterpret_cast<std::uintptr_t>(bytes) + page - 1) / page * page;
    const auto end = (reinterpret_cast<std::uintptr_t>(bytes) + size) / page * page;
    if (begin < end) ::madvise(bytes_.data() + (begin - reinterpret_cast<std::uintptr_t>(bytes_.data())), end - begin, MADV_DONTNEED);
  }

  /// Null when the file is empty.
  const std::byte* data() const { return bytes_.data(); }
  std::size_t size() const { return static_cast<std::size_t>(bytes_.size()); }
  const std::string& path() const { return path_; }

 private:
  bool holds(const std::byte* bytes, std::size_t size) const {
    const auto begin = reinterpret_cast<std::uintptr_t>(data()), at = reinterpret_cast<std::uintptr_t>(bytes);
    return at >= begin && at - begin <= this->size() && size <= this->size() - (at - begin);
  }

  std::string path_;
  Buffer<std::byte> bytes_;
  bool mapped_ = false;
};

}  // namespace io
}  // namespace proxyv::inline v0
