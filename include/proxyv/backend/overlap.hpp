// Do two windows share memory? Ops whose result must stand apart from what they read ask here.
//
// Addresses only; nothing is read, so this serves every memory space, and windows without memory
// (planning) share nothing.
#pragma once

#include <cstdint>

#include "proxyv/core/view.hpp"

namespace proxyv::inline v0 {
namespace detail {

/// `rows` runs of `width` bytes, `stride` bytes apart.
struct Footprint {
  std::uintptr_t begin = 0;
  std::uintptr_t width = 0, stride = 0, rows = 0;

  bool empty() const { return begin == 0 || rows == 0 || width == 0; }
  std::uintptr_t end() const { return begin + (rows - 1) * stride + width; }
};

template <class T, class Space, index_t Rows, index_t Cols>
Footprint footprint(const View<T, Space, Rows, Cols>& x) {
  constexpr auto size = static_cast<std::uintptr_t>(sizeof(T));
  return {reinterpret_cast<std::uintptr_t>(x.data()), static_cast<std::uintptr_t>(x.cols()) * size,
          static_cast<std::uintptr_t>(x.stride()) * size, static_cast<std::uintptr_t>(x.rows())};
}

template <class Space>
Footprint footprint(const Weight<Space>& w) {
  return {reinterpret_cast<std::uintptr_t>(w.data()), static_cast<std::uintptr_t>(w.bytes()), 0, 1};
}

}  // namespace detail

/// True when two windows share a byte. Column ranges of one matrix do not overlap when their columns
/// differ; windows of different strides count by their whole extent.
template <class X, class Y>
bool overlap(const X& x, const Y& y) {
  const detail::Footprint a = detail::footprint(x), b = detail::footprint(y);
  if (a.empty() || b.empty() || a.end() <= b.begin || b.end() <= a.begin) return false;
  if (a.stride != b.stride || a.stride == 0) return true;
  const std::uintptr_t shift = b.begin >= a.begin ? (b.begin - a.begin) % a.stride : a.stride - (a.begin - b.begin) % a.stride;
  return !(a.width <= shift && shift + b.width <= a.stride);
}

namespace check {

/// Throws ArgumentError when what an op writes lies in what it reads.
template <class X, class Y>
void apart(const char* op, const char* name, const X& x, const Y& y) {
  PROXYV_CHECK(!overlap(x, y), ArgumentError, op, ": the output overlaps ", name);
}

}  // namespace check
}  // namespace proxyv::inline v0
