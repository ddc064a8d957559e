// Buffer: the only owner of tensor memory. Move-only; engines hand them out at start-up.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "proxyv/core/checked.hpp"
#include "proxyv/core/large_pages.hpp"
#include "proxyv/core/view.hpp"

namespace proxyv::inline v0 {

/// n elements in Space, released by the function that came with them.
template <class T, class Space = HostSpace>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>, "proxyv: Buffer: elements must be trivially copyable");

 public:
  using Release = void (*)(void* data, std::size_t bytes) noexcept;

  Buffer() = default;
  /// Takes ownership of `data`; `release` is called once with it.
  Buffer(T* data, index_t size, Release release) noexcept : data_(data), size_(size), release_(release) {}
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer(std::move(other)).swap(*this);
    return *this;
  }
  ~Buffer() {
    if (release_ != nullptr) release_(data_, static_cast<std::size_t>(size_) * sizeof(T));
  }

  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(release_, other.release_);
  }

  T* data() const { return data_; }
  index_t size() const { return size_; }

  Span<T, Space> span() const { return {data_, size_}; }
  /// The first rows * cols elements as a matrix. Throws ShapeError when there are fewer.
  View<T, Space> matrix(index_t rows, index_t cols) const {
    PROXYV_CHECK(element_count(rows, cols, "Buffer") <= size_, ShapeError, "Buffer: wanted ",
                 shape_text(rows, cols), ", holds ", size_, " elements");
    return {data_, rows, cols};
  }

 private:
  T* data_ = nullptr;
  index_t size_ = 0;
  Release release_ = nullptr;
};

inline constexpr std::size_t host_alignment = 64;

namespace detail {

/// What host memory of that many bytes is aligned to.
inline std::align_val_t host_alignment_of(std::size_t bytes) {
  return std::align_val_t{bytes >= large_page ? large_page : host_alignment};
}

}  // namespace detail

/// n elements of ordinary memory, contents undefined: 64-byte aligned, and from 2 MiB on at the beginning of
/// a large page, of which the system is asked to make it (large_pages.hpp). Throws ShapeError when the size
/// overflows, std::bad_alloc when there is no memory.
template <class T>
Buffer<T> host_buffer(index_t n) {
  const std::size_t size = byte_count(n, sizeof(T), "host_buffer");
  void* data = ::operator new(size, detail::host_alignment_of(size));
  if (size >= detail::large_page) detail::ask_for_large_pages(data, size);
  return {static_cast<T*>(data), n, [](void* p, std::size_t bytes) noexcept {
            ::operator delete(p, detail::host_alignment_of(bytes));
          }};
}

}  // namespace proxyv::inline v0
