// The global operator new of a program, replaced by one that counts while it is told to. Include it in exactly
// one source file of the program.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace counting_new {

inline std::atomic<bool> armed{false};
inline std::atomic<int> allocations{0};

inline void* counted(std::size_t bytes, std::size_t alignment) noexcept {
  if (armed.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
  if (bytes == 0) bytes = 1;
  if (alignment <= alignof(std::max_align_t)) return std::malloc(bytes);
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

inline void* counted_or_throw(std::size_t bytes, std::size_t alignment) {
  void* data = bytes > std::size_t{1} << 62 ? nullptr : counted(bytes, alignment);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}

/// Allocations of any thread from begin() to end().
inline void begin() {
  allocations = 0;
  armed = true;
}
inline int end() {
  armed = false;
  return allocations;
}

}  // namespace counting_new

// Not inlined: g++ would see free() meet a pointer of operator new and warn.
[[gnu::noinline]] void* operator new(std::size_t n) { return counting_new::counted_or_throw(n, 1); }
[[gnu::noinline]] void* operator new[](std::size_t n) { return counting_new::counted_or_throw(n, 1); }
[[gnu::noinline]] void* operator new(std::size_t n, std::align_val_t a) { return counting_new::counted_or_throw(n, static_cast<std::size_t>(a)); }
[[gnu::noinline]] void* operator new[](std::size_t n, std::align_val_t a) { return counting_new::counted_or_throw(n, static_cast<std::size_t>(a)); }
[[gnu::noinline]] void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return counting_new::counted(n, 1); }
[[gnu::noinline]] void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return counting_new::counted(n, 1); }
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }
