// Workspace: a bump allocator over one block of memory, and the frames that give it back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "proxyv/core/checked.hpp"
#include "proxyv/core/view.hpp"

namespace proxyv::inline v0 {

/// Hands out pieces of one block, last in, first out. Knows its peak. Does not own the block.
/// An arena without a block (the default) only counts: it hands out null and never runs out.
class Arena {
 public:
  static constexpr std::size_t alignment = 256;

  Arena() = default;
  Arena(std::byte* block, std::size_t bytes) : capacity_(bytes) {
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    const std::size_t skip = (alignment - address % alignment) % alignment;
    block_ = skip <= bytes ? block + skip : block;
    capacity_ = skip <= bytes ? bytes - skip : 0;
  }

  /// Bytes to reserve so that `used` bytes are there whatever the block's alignment is.
  static constexpr std::size_t block_bytes(std::size_t used) { return used == 0 ? 0 : used + alignment; }

  std::byte* take(std::size_t bytes) {
    const std::size_t room = capacity_ - used_;
    const std::size_t rounded = bytes > room ? bytes : (bytes + alignment - 1) / alignment * alignment;
    if (bytes > room || rounded < bytes || rounded > room)
      detail::fail(WorkspaceError("arena", checked_add(used_, std::max(bytes, rounded)).value_or(capacity_), capacity_));
    std::byte* piece = block_ == nullptr ? nullptr : block_ + used_;
    used_ += rounded;
    peak_ = std::max(peak_, used_);
    return piece;
  }
  void rewind(std::size_t mark) { used_ = mark; }

  std::size_t used() const { return used_; }
  std::size_t peak() const { return peak_; }
  std::size_t available() const { return capacity_ - used_; }

 private:
  std::byte* block_ = nullptr;
  std::size_t capacity_ = std::numeric_limits<std::size_t>::max();
  std::size_t used_ = 0;
  std::size_t peak_ = 0;
};

/// Scratch tensors that live until the frame does. Frames nest like scopes.
template <class T, class Space>
class Frame {
 public:
  explicit Frame(Arena& arena) : arena_(arena), mark_(arena.used()) {}
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  ~Frame() { arena_.rewind(mark_); }

  /// [rows, cols] elements, contents undefined. Throws WorkspaceError when the arena is full.
  template <class U = T>
  View<U, Space> matrix(index_t rows, index_t cols) {
    return {take<U>(element_count(rows, cols, "frame")), rows, cols};
  }
  template <class U>
  Span<U, Space> span(index_t n) {
    return {take<U>(n), n};
  }

 private:
  template <class U>
  U* take(index_t n) {
    return reinterpret_cast<U*>(arena_.take(byte_count(n, sizeof(U), "frame")));
  }

  Arena& arena_;
  std::size_t mark_;
};

}  // namespace proxyv::inline v0
