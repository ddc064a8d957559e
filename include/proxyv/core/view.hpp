// Views: windows into memory that somebody else owns.
//
// View is a matrix window, Span a vector, Weight a matrix whose element type is known at run time
// (as checkpoints have it). All are cheap to copy, none owns or aligns anything. The memory space
// is part of the type, so a host view cannot reach a GPU engine.
#pragma once

#include <cstddef>
#include <type_traits>

#include "proxyv/core/checked.hpp"
#include "proxyv/core/dtype.hpp"
#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"

namespace proxyv::inline v0 {

/// Ordinary memory.
struct HostSpace {
  static constexpr const char* name = "host";
};

/// A vector of n elements without gaps.
template <class T, class Space = HostSpace>
class Span {
 public:
  using element = T;
  using space = Space;

  constexpr Span() = default;
  constexpr Span(T* data, index_t size) : data_(data), size_(size) {
    PROXYV_CHECK(size >= 0, ShapeError, "Span: negative size ", size);
  }
  /// From a contiguous container that is somebody's variable: std::vector, std::array, std::span.
  template <class C>
    requires(std::is_same_v<Space, HostSpace> && requires(C& c) {
      requires std::is_same_v<std::remove_const_t<std::remove_pointer_t<decltype(c.data())>>, std::remove_const_t<T>>;
      requires std::is_convertible_v<decltype(c.data()), T*>;
      requires !std::is_same_v<decltype(c.size()), index_t>;
    })
  constexpr Span(C& c) : Span(c.data(), static_cast<index_t>(c.size())) {}
  /// A mutable span is a const one.
  template <class U>
    requires(std::is_same_v<const U, T>)
  constexpr Span(Span<U, Space> other) : data_(other.data()), size_(other.size()) {}

  constexpr T* data() const { return data_; }
  constexpr index_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr T* begin() const { return data_; }
  constexpr T* end() const { return data_ + size_; }
  constexpr T& operator[](index_t i) const {
    PROXYV_ASSERT(i >= 0 && i < size_);
    return data_[i];
  }
  constexpr Span first(index_t count) const { return part(0, count); }
  constexpr Span part(index_t begin, index_t count) const {
    PROXYV_CHECK(begin >= 0 && count >= 0 && begin <= size_ && count <= size_ - begin, ShapeError,
                 "Span: part ", begin, "+", count, " of ", size_);
    return {data_ == nullptr ? nullptr : data_ + begin, count};
  }

 private:
  T* data_ = nullptr;
  index_t size_ = 0;
};

namespace detail {

/// A size that takes no room when it is known at compile time.
template <index_t N>
struct Extent {
  constexpr Extent() = default;
  constexpr explicit Extent(index_t n) {
    PROXYV_CHECK(n == N, ShapeError, "View: wanted a static size of ", N, ", found ", n);
  }
  static constexpr index_t value() { return N; }
};
template <>
struct Extent<dyn> {
  constexpr Extent() = default;
  constexpr explicit Extent(index_t n) : n_(n) {}
  constexpr index_t value() const { return n_; }

 private:
  index_t n_ = 0;
};

}  // namespace detail

/// A [rows, cols] window with unit column stride and any row stride >= cols.
///
/// Rows and Cols may be compile-time sizes; a view with static sizes converts to a dynamic one,
/// the way back is explicit and checked. Throws ShapeError for negative sizes or a short stride.
template <class T, class Space = HostSpace, index_t Rows = dyn, index_t Cols = dyn>
class View {
  static_assert(Rows >= dyn && Cols >= dyn, "proxyv: View: sizes must be >= 0, or proxyv::dyn");

 public:
  using element = T;
  using space = Space;

  constexpr View() = default;
  constexpr View(T* data, index_t rows, index_t cols) : View(data, rows, cols, cols) {}
  constexpr View(T* data, index_t rows, index_t cols, index_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {
    PROXYV_CHECK(rows >= 0 && cols >= 0 && stride >= cols, ShapeError, "View: shape ",
                 shape_text(rows, cols), " with row stride ", stride);
  }
  /// From a view with the same or a less mutable element and sizes that fit.
  template <class U, index_t R, index_t C>
    requires((std::is_same_v<U, T> || std::is_same_v<const U, T>) && (R == Rows || Rows == dyn || R == dyn) &&
             (C == Cols || Cols == dyn || C == dyn) && !(std::is_same_v<U, T> && R == Rows && C == Cols))
  constexpr explicit((R == dyn && Rows != dyn) || (C == dyn && Cols != dyn)) View(const View<U, Space, R, C>& o)
      : data_(o.data()), rows_(o.rows()), cols_(o.cols()), stride_(o.stride()) {}

  constexpr T* data() const { return data_; }
  constexpr index_t rows() const { return rows_.value(); }
  constexpr index_t cols() const { return cols_.value(); }
  constexpr index_t stride() const { return stride_; }
  constexpr index_t size() const { return rows() * cols(); }
  constexpr bool contiguous() const { return stride_ == cols() || rows() <= 1; }
  constexpr bool empty() const { return rows() == 0 || cols() == 0; }

  constexpr T* row(index_t i) const {
    PROXYV_ASSERT(i >= 0 && i < rows());
    return data_ + i * stride_;
  }
  constexpr T& operator()(index_t i, index_t j) const {
    PROXYV_ASSERT(i >= 0 && i < rows() && j >= 0 && j < cols());
    return data_[i * stride_ + j];
  }

  /// Rows [begin, begin + count).
  constexpr View<T, Space, dyn, Cols> row_range(index_t begin, index_t count) const {
    PROXYV_CHECK(begin >= 0 && count >= 0 && begin <= rows() && count <= rows() - begin, ShapeError,
                 "View: rows ", begin, "+", count, " of ", shape_text(rows(), cols()));
    return {shifted(begin * stride_), count, cols(), stride_};
  }
  /// Columns [begin, begin + count).
  constexpr View<T, Space, Rows, dyn> col_range(index_t begin, index_t count) const {
    PROXYV_CHECK(begin >= 0 && count >= 0 && begin <= cols() && count <= cols() - begin, ShapeError,
                 "View: columns ", begin, "+", count, " of ", shape_text(rows(), cols()));
    return {shifted(begin), rows(), count, stride_};
  }

 private:
  constexpr T* shifted(index_t n) const { return data_ == nullptr ? nullptr : data_ + n; }

  T* data_ = nullptr;
  [[no_unique_address]] detail::Extent<Rows> rows_;
  [[no_unique_address]] detail::Extent<Cols> cols_;
  index_t stride_ = 0;
};

/// A read-only [rows, cols] weight matrix, rows without gaps, element type known at run time.
/// Linear weights are [out, in], as checkpoints store them. Need not be aligned.
///
/// An engine may have packed it (backend/packed.hpp): panels of panel() rows, each [cols][panel()] in an order that is
/// that engine's affair. Other engines refuse it.
template <class Space = HostSpace>
class Weight {
 public:
  using space = Space;

  constexpr Weight() = default;
  constexpr Weight(const void* data, DType type, index_t rows, index_t cols)
      : data_(data), rows_(rows), cols_(cols), type_(type) {
    PROXYV_CHECK(rows >= 0 && cols >= 0, ShapeError, "Weight: negative size ", shape_text(rows, cols));
  }
  template <class T, index_t R, index_t C>
  constexpr explicit Weight(const View<T, Space, R, C>& view)
      : Weight(view.data(), dtype_of<std::remove_const_t<T>>, view.rows(), view.cols()) {
    PROXYV_CHECK(view.contiguous(), ShapeError, "Weight: rows must have no gaps, stride is ", view.stride());
  }

  /// The same matrix as an engine has packed it, in panels of `panel` rows, 64-byte aligned.
  static constexpr Weight in_panels(const void* data, DType type, index_t rows, index_t cols, index_t panel) {
    PROXYV_CHECK(panel > 0, ShapeError, "Weight: panels of ", panel, " rows, wanted at least 1");
    Weight w(data, type, rows, cols);
    w.panel_ = panel;
    return w;
  }

  constexpr const void* data() const { return data_; }
  constexpr DType type() const { return type_; }
  constexpr index_t rows() const { return rows_; }
  constexpr index_t cols() const { return cols_; }
  /// Of memory, with what packing adds: the last panel is as large as the others, columns come in pairs.
  constexpr index_t bytes() const { return stored_rows() * stored_cols() * static_cast<index_t>(dtype_size(type_)); }
  constexpr bool present() const { return rows_ > 0; }
  constexpr bool packed() const { return panel_ > 0; }
  constexpr index_t panel() const { return panel_; }  ///< rows of a panel; 0: not packed
  constexpr index_t stored_cols() const { return packed() ? cols_ + cols_ % 2 : cols_; }

  /// Rows [begin, begin + count); of a packed weight only whole panels. Throws ShapeError otherwise.
  Weight row_range(index_t begin, index_t count) const {
    PROXYV_CHECK(begin >= 0 && count >= 0 && begin <= rows_ && count <= rows_ - begin, ShapeError,
                 "Weight: rows ", begin, "+", count, " of ", shape_text(rows_, cols_));
    PROXYV_CHECK(!packed() || (begin % panel_ == 0 && (count % panel_ == 0 || begin + count == rows_)), ShapeError, "Weight: rows ", begin, "+",
                 count, " of ", shape_text(rows_, cols_), " packed in panels of ", panel_, ", wanted whole panels");
    const auto* bytes = static_cast<const std::byte*>(data_);
    const index_t offset = begin * stored_cols() * static_cast<index_t>(dtype_size(type_));
    Weight part(bytes == nullptr ? nullptr : bytes + offset, type_, count, cols_);
    part.panel_ = panel_;
    return part;
  }

 private:
  constexpr index_t stored_rows() const { return packed() ? (rows_ + panel_ - 1) / panel_ * panel_ : rows_; }

  const void* data_ = nullptr;
  index_t rows_ = 0;
  index_t cols_ = 0;
  index_t panel_ = 0;
  DType type_ = DType::f32;
};

}  // namespace proxyv::inline v0
