// Which keys of a block a query sees, decided for whole blocks first and key by key only where needed.
#pragma once

#include <algorithm>

#include "proxyv/backend/mask.hpp"
#include "proxyv/eigen/softmax.hpp"

namespace proxyv::inline v0 {
namespace detail {

/// Smallest and largest of a run of positions.
struct PositionRange {
  std::int32_t low, high;

  PositionRange(const std::int32_t* positions, index_t n) : low(positions[0]), high(positions[0]) {
    for (index_t i = 1; i < n; ++i) {
      low = std::min(low, positions[i]);
      high = std::max(high, positions[i]);
    }
  }
};

/// Keys [begin, begin + size) of a segment, as the queries of an op see them.
class KeyBlock {
 public:
  KeyBlock(const HostAttention& args, const HostSegment& segment, index_t begin, index_t size)
      : args_(&args), segment_(&segment), begin_(begin), size_(size) {
    if (segment.visible != Visible::causal) return;
    positions_ = segment.positions.data() + begin;
    const PositionRange range(positions_, size);
    low_ = range.low;
    high_ = range.high;
    sorted_ = std::is_sorted(positions_, positions_ + size);
  }

  index_t begin() const { return begin_; }
  index_t size() const { return size_; }
  const float* keys() const { return segment_->keys.row(begin_); }
  const float* values() const { return segment_->values.row(begin_); }
  index_t key_stride() const { return segment_->keys.stride(); }
  index_t value_stride() const { return segment_->values.stride(); }

  /// No key that comes at or after the result is seen by any of the queries [q, q + n); 0: nothing is seen.
  index_t limit(index_t q, index_t n) const {
    if (segment_->visible == Visible::none) return 0;
    if (segment_->visible == Visible::self)
      return q >= begin_ + size_ ? 0 : std::clamp<index_t>(q + n - begin_, 0, size_);
    if (segment_->visible != Visible::causal) return size_;
    return prefix(PositionRange(args_->query_positions.data() + q, n).high);
  }

  /// Puts -infinity in place of the scores that query q does not see. Hidden scores may be anything.
  void hide(index_t q, float* scores, index_t limit) const {
    if (segment_->visible == Visible::table) {
      const std::uint8_t* table = segment_->table.row(q) + begin_;
      for (index_t k = 0; k < limit; ++k) scores[k] = table[k] != 0 ? scores[k] : minus_infinity;
    } else if (segment_->visible == Visible::self) {
      for (index_t k = 0; k < limit; ++k) scores[k] = begin_ + k == q ? scores[k] : minus_infinity;
    } else if (segment_->visible == Visible::causal) {
      const std::int32_t position = args_->query_positions[q];
      if (position >= high_) return;
      if (sorted_) {
        const index_t seen = std::min(limit, prefix(position));
        std::fill(scores + seen, scores + limit, minus_infinity);
      } else {
        for (index_t k = 0; k < limit; ++k)
          scores[k] = position >= positions_[k] ? scores[k] : minus_infinity;
      }
    }
  }

 private:
  /// Keys before the result may be seen from `position`, keys from there on are not.
  index_t prefix(std::int32_t position) const {
    if (position < low_) return 0;
    if (position >= high_ || !sorted_) return size_;
    // Positions mostly count up by one.
    const index_t guess = index_t{position} - low_ + 1;
    if (guess < size_ && positions_[guess - 1] == position && positions_[guess] > position) return guess;
    return std::upper_bound(positions_, positions_ + size_, position) - positions_;
  }

  const HostAttention* args_;
  const HostSegment* segment_;
  index_t begin_, size_;
  const std::int32_t* positions_ = nullptr;
  std::int32_t low_ = 0, high_ = 0;
  bool sorted_ = true;
};

inline constexpr index_t self_keys =
    64;  ///< block of keys of which a query sees one: small, most of it is hidden

/// Keys of segment s that make one block.
inline index_t block_keys(const HostAttention& args, index_t s, index_t size) {
  return args[s].visible == Visible::self ? std::min(size, self_keys) : size;
}

/// f(block) for all keys, in blocks of at most `size`, segments in order.
template <class F>
void each_key_block(const HostAttention& args, index_t size, F&& f) {
  for (index_t s = 0; s < args.count(); ++s) {
    const index_t keys = args[s].keys.rows(), most = block_keys(args, s, size);
    for (index_t begin = 0; begin < keys; begin += most)
      f(KeyBlock(args, args[s], begin, std::min(most, keys - begin)));
  }
}

inline constexpr index_t sorted_keys =
    64;  ///< keys of ascending positions that are worth a block of their own

/// The same, but causal blocks of at least sorted_keys end where positions go back. In a prompt they do so
/// behind the picture, whose newlines and first word stand earlier: one block for all of them would be
/// skipped for no query.
template <class F>
void each_sorted_block(const HostAttention& args, index_t size, F&& f) {
  for (index_t s = 0; s < args.count(); ++s) {
    const HostSegment& g = args[s];
    const index_t keys = g.keys.rows(), most = block_keys(args, s, size);
    for (index_t begin = 0, end = 0; begin < keys; begin = end) {
      end = std::min(begin + most, keys);
      for (index_t i = begin + sorted_keys; g.visible == Visible::causal && i < end; ++i)
        if (g.positions[i] < g.positions[i - 1]) end = i;
      f(KeyBlock(args, g, begin, end - begin));
    }
  }
}

/// How many blocks each_key_block makes.
inline index_t count_key_blocks(const HostAttention& args, index_t size) {
  index_t n = 0;
  for (index_t s = 0; s < args.count(); ++s) {
    const index_t most = block_keys(args, s, size);
    n += (args[s].keys.rows() + most - 1) / most;
  }
  return n;
}

/// each_key_block for blocks [range.begin, range.end) of them.
template <class F>
void each_key_block(const HostAttention& args, index_t size, Range range, F&& f) {
  index_t first = 0;  // number of the segment's first block
  for (index_t s = 0; s < args.count(); ++s) {
    const index_t keys = args[s].keys.rows(), most = block_keys(args, s, size),
                  blocks = (keys + most - 1) / most;
    for (index_t i = std::max<index_t>(range.begin - first, 0); i < std::min(range.end - first, blocks); ++i)
      f(KeyBlock(args, args[s], i * most, std::min(most, keys - i * most)));
    first += blocks;
  }
}

}  // namespace detail
}  // namespace proxyv::inline v0
