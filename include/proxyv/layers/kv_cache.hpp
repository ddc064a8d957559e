// The key/value cache: what a prompt leaves behind for the tokens that follow.
//
// Rows stand in the packed order vision, newline, text of the prompt, then one row per token
// appended. Proxy tokens are never in it. Keys are stored after rotary embedding. Where a model drops
// vision tokens on the way, deeper layers hold fewer rows, and may number positions anew.
#pragma once

#include <array>
#include <utility>

#include "proxyv/backend/concepts.hpp"

namespace proxyv::inline v0 {

/// Sizes of a cache.
struct CacheShape {
  index_t layers = 0;
  index_t capacity = 0;  ///< rows per layer
  index_t width = 0;     ///< key/value heads * head size
};

/// Keys and values of every layer, owned. One cache belongs to one conversation.
template <class B>
class KvCache {
 public:
  /// Allocates 2 * layers * capacity * width elements. Start-up only.
  template <class E>
    requires Storage<E> && SameTensorsAs<E, B>
  KvCache(E& be, const CacheShape& shape)
      : shape_(checked(shape)),
        data_(be.template alloc<Elem<B>>(2 * shape.layers * element_count(shape.capacity, shape.width, "KvCache"))),
        positions_(be.template alloc<std::int32_t>(shape.capacity)) {}
  /// A cache that was moved from has no layers and no rows; it can be assigned to or destroyed.
  KvCache(KvCache&& other) noexcept
      : shape_(std::exchange(other.shape_, {})),
        data_(std::move(other.data_)),
        positions_(std::move(other.positions_)),
        length_(std::exchange(other.length_, 0)),
        next_position_(std::exchange(other.next_position_, 0)),
        shortened_(other.shortened_),
        shortenings_(std::exchange(other.shortenings_, 0)),
        prompt_(std::exchange(other.prompt_, 0)) {}
  KvCache& operator=(KvCache&& other) noexcept {
    shape_ = std::exchange(other.shape_, {});
    data_ = std::move(other.data_);
    positions_ = std::move(other.positions_);
    length_ = std::exchange(other.length_, 0);
    next_position_ = std::exchange(other.next_position_, 0);
    shortened_ = other.shortened_;
    shortenings_ = std::exchange(other.shortenings_, 0);
    prompt_ = std::exchange(other.prompt_, 0);
    return *this;
  }

  static std::size_t bytes(const CacheShape& shape) {
    checked(shape);
    return byte_count(2 * shape.layers * element_count(shape.capacity, shape.width, "KvCache"), sizeof(Elem<B>), "KvCache");
  }

  /// Rows of the first layer: every token there was.
  index_t length() const { return length_; }
  index_t capacity() const { return shape_.capacity; }
  index_t layers() const { return shape_.layers; }
  index_t width() const { return shape_.width; }
  /// Position of the next token in reading order.
  index_t next_position() const { return next_position_; }

  /// The same for one layer.
  index_t length(index_t layer) const { return length_ - shortening(layer).rows; }
  index_t next_position(index_t layer) const { return next_position_ - shortening(layer).positions; }

  /// Says, while a prompt runs, that layers from `layer` on hold `rows` fewer rows than the first, and that the
  /// position of their next token is `positions` less. Layers ascend from call to call.
  void shorten(index_t layer, index_t rows, index_t positions) {
    index_t n = 0;
    while (n < shortenings_ && at(n).layer < layer) ++n;
    PROXYV_CHECK(length_ == 0 && n < max_shortenings && layer > 0 && layer < shape_.layers && rows >= 0, ArgumentError, "KvCache: shorten from layer ",
                 layer, " of ", shape_.layers, " by ", rows, " rows with ", length_, " rows held");
    shortened_[static_cast<std::size_t>(n)] = {layer, rows, positions};
    shortenings_ = n + 1;
  }
  static constexpr index_t max_shortenings = 8;

  /// Forgets everything; the memory stays.
  void clear() { truncate(0, 0); }
  /// Goes back to an earlier state, as `length` and `next_position` told it then. Into a prompt whose tokens were
  /// partly dropped there is no way back but to the beginning.
  void truncate(index_t length, index_t next_position) {
    PROXYV_CHECK(length >= 0 && length <= length_ && next_position >= 0, ArgumentError, "KvCache: truncate to ", length, " of ", length_);
    PROXYV_CHECK(length == 0 || shortenings_ == 0 || length >= prompt_, ArgumentError, "KvCache: truncate to ", length,
                 ", inside a prompt of ", prompt_, " rows whose vision tokens were partly dropped");
    length_ = length;
    next_position_ = next_position;
    if (length == 0) shortenings_ = 0;
  }

  /// Throws CacheFullError unless `rows` more fit.
  void require(index_t rows) const {
    PROXYV_CHECK(rows >= 0 && rows <= shape_.capacity - length_, CacheFullError, "KvCache: ", rows, " more tokens wanted, ", length_,
                 " of ", shape_.capacity, " rows are taken");
  }
  /// Makes the rows that a layer pass has written part of the cache.
  void commit(index_t rows, index_t next_position) {
    require(rows);
    if (length_ == 0) prompt_ = rows;
    length_ += rows;
    next_position_ = next_position;
  }

  /// Rows [begin, begin + count) of a layer.
  Out<B> keys(index_t layer, index_t begin, index_t count) const { return plane(2 * layer).row_range(begin, count); }
  Out<B> values(index_t layer, index_t begin, index_t count) const { return plane(2 * layer + 1).row_range(begin, count); }
  /// Positions of the rows of the pass at work; those of earlier passes are not needed again.
  OutIds<B> positions(index_t begin, index_t count) const { return positions_.span().part(begin, count); }

 private:
  struct Shortening {
    index_t layer = 0, rows = 0, positions = 0;
  };

  const Shortening& at(index_t i) const { return shortened_[static_cast<std::size_t>(i)]; }
  Shortening shortening(index_t layer) const {
    index_t n = shortenings_;
    while (n > 0 && at(n - 1).layer > layer) --n;
    return n == 0 ? Shortening{} : at(n - 1);
  }

  static const CacheShape& checked(const CacheShape& s) {
    PROXYV_CHECK(s.layers > 0 && s.layers <= 65536 && s.capacity > 0 && s.width > 0, ShapeError, "KvCache: ", s.layers, " layers of ",
                 shape_text(s.capacity, s.width));
    const auto all = checked_mul(2 * s.layers, element_count(s.capacity, s.width, "KvCache"));
    PROXYV_CHECK(all.has_value(), ShapeError, "KvCache: ", s.layers, " layers of ", shape_text(s.capacity, s.width), " overflow");
    return s;
  }

  Out<B> plane(index_t i) const {
    PROXYV_CHECK(i >= 0 && i < 2 * shape_.layers, ShapeError, "KvCache: layer ", i / 2, " of ", shape_.layers);
    Elem<B>* data = data_.data() == nullptr ? nullptr : data_.data() + i * shape_.capacity * shape_.width;
    return {data, shape_.capacity, shape_.width};
  }

  CacheShape shape_;
  Buffer<Elem<B>, SpaceOf<B>> data_;
  Buffer<std::int32_t, SpaceOf<B>> positions_;
  index_t length_ = 0;
  index_t next_position_ = 0;
  std::array<Shortening, max_shortenings> shortened_{};
  index_t shortenings_ = 0;
  index_t prompt_ = 0;  ///< rows of the first pass
};

}  // namespace proxyv::inline v0
