// Large pages: weights and workspaces on 2 MiB pages where the system offers them, so that reading them costs
// fewer address translations. Only a wish: what the system does not grant changes nothing but the speed.
//
// On Linux this is madvise(MADV_HUGEPAGE), heeded where /sys/kernel/mm/transparent_hugepage/enabled says
// "madvise" or "always". Define PROXYV_NO_LARGE_PAGES in all files of a program to do without.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__linux__) && !defined(PROXYV_NO_LARGE_PAGES)
#include <sys/mman.h>
#endif

namespace proxyv::inline v0 {
namespace detail {

inline constexpr std::size_t large_page = std::size_t{2} << 20;

/// The whole large pages within [data, data + bytes): where they begin, and how many bytes they are.
struct LargePages {
  std::byte* begin = nullptr;
  std::size_t bytes = 0;

  LargePages(void* data, std::size_t size) {
    const std::size_t skip = (large_page - reinterpret_cast<std::uintptr_t>(data) % large_page) % large_page;
    if (skip > size) return;
    begin = static_cast<std::byte*>(data) + skip;
    bytes = (size - skip) / large_page * large_page;
  }
};

/// Asks for large pages for memory that begins on a page of whatever size. Contents stay. Memory is not
/// rounded up: what fills no whole large page keeps ordinary ones. Large pages become resident as a whole
/// when first touched.
inline void ask_for_large_pages([[maybe_unused]] void* data, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(MADV_HUGEPAGE) && !defined(PROXYV_NO_LARGE_PAGES)
  const LargePages pages(data, bytes);
  if (pages.bytes > 0) static_cast<void>(::madvise(pages.begin, pages.bytes, MADV_HUGEPAGE));
#endif
}

}  // namespace detail
}  // namespace proxyv::inline v0
