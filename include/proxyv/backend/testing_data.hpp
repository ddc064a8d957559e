// What the suite of testing.hpp feeds engines with: random tensors, weights and masks that lie in the
// engine's memory and, with the same numbers, on the host; and the measure of their difference.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <type_traits>
#include <vector>

#include "proxyv/backend/concepts.hpp"
#include "proxyv/backend/packed.hpp"
#include "proxyv/backend/reference.hpp"

namespace proxyv::inline v0 {
namespace testing {
namespace detail {

using Host = std::vector<float>;
inline constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// Random numbers as a function of the seed, the same on every platform.
class Random {
 public:
  explicit Random(std::uint64_t seed) : seed_(seed) {}
  double next() { return uniform(seed_, step_++); }
  index_t below(index_t n) { return static_cast<index_t>(next() * static_cast<double>(n)); }
  bool coin() { return below(2) == 0; }
  float value() { return static_cast<float>(2.0 * next() - 1.0); }
  template <class T, std::size_t N>
  T pick(const T (&from)[N]) {
    return from[below(static_cast<index_t>(N))];
  }
  /// Sizes at which blocked code breaks: nothing, one, primes, one off a power of two.
  index_t size() { return pick<index_t>({0, 1, 2, 3, 5, 7, 8, 13, 16, 17, 31, 33, 47, 63, 64, 65, 97, 130}); }
  index_t some() { return std::max<index_t>(1, size()); }

  /// Whether tensors made from here on are aligned, with gaps that keep them so.
  void align(bool yes) { aligned_ = yes; }
  index_t gap() { return aligned_ ? 32 * below(2) : below(4); }
  index_t skip() { return aligned_ ? 0 : below(4); }

 private:
  std::uint64_t seed_, step_ = 0;
  bool aligned_ = false;
};

/// Allowed error: the op's own in float, more when the elements themselves are coarser.
template <class T>
double bound_for(double in_float) {
  if constexpr (std::is_same_v<T, float>) return in_float;
  else return in_float == 0.0 ? 0.0 : in_float + 8.0 * (dtype_of<T> == DType::f16 ? 0x1p-11 : 0x1p-8);
}

/// A matrix in the engine's memory with its twin on the host, both inside a larger block: rows have
/// gaps and nothing is aligned. The gaps must stay as they are.
template <class B>
struct Tensor {
  Tensor(B& engine, Random& random, index_t rows_, index_t cols_, float scale = 1.f, bool dense = false)
      : be(&engine),
        rows(rows_),
        cols(cols_),
        stride(cols_ + (dense ? 0 : random.gap())),
        skip(dense ? 0 : random.skip()),
        host(static_cast<std::size_t>(skip + rows_ * stride + 1)),
        memory(engine.template alloc<Elem<B>>(static_cast<index_t>(host.size()))) {
    for (float& v : host) v = to_float(from_float<Elem<B>>(scale * random.value()));
    send();
  }

  float& at(index_t i, index_t j) { return host[static_cast<std::size_t>(skip + i * stride + j)]; }
  View<float> twin() { return {host.data() + skip, rows, cols, stride}; }
  Out<B> view() { return {memory.data() + skip, rows, cols, stride}; }
  void fill(float value) {
    for (index_t i = 0; i < rows; ++i) std::fill_n(&at(i, 0), cols, value);
    send();
  }
  void send() { be->upload(View<const float>(host.data(), 1, whole()), Out<B>(memory.data(), 1, whole())); }
  Host received() {
    Host out(host.size());
    be->download(In<B>(memory.data(), 1, whole()), View<float>(out.data(), 1, whole()));
    be->sync();
    return out;
  }
  index_t whole() const { return static_cast<index_t>(host.size()); }

  B* be;
  index_t rows, cols, stride, skip;
  Host host;  ///< the judge works in here
  Buffer<Elem<B>, SpaceOf<B>> memory;
};

/// Numbers in the engine's memory: ids as std::int32_t, masks and raw weights as bytes.
template <class B, class Number>
struct Numbers {
  Numbers(B& be, const std::vector<Number>& values)
      : memory(be.template alloc<Number>(static_cast<index_t>(values.size()))) {
    const index_t n = memory.size();
    if constexpr (sizeof(Number) == 1)
      be.upload(View<const Number>(values.data(), 1, n), View<Number, SpaceOf<B>>(memory.data(), 1, n));
    else be.upload(Span<const Number>(values.data(), n), memory.span());
    be.sync();
  }
  const Number* data() const { return memory.data(); }
  Buffer<Number, SpaceOf<B>> memory;
};
template <class B>
using IdMemory = Numbers<B, std::int32_t>;
template <class B>
using ByteMemory = Numbers<B, std::uint8_t>;

/// A weight matrix on both sides, of the given type, not aligned beyond its elements; every other one packed, for
/// engines that do.
template <class B>
struct Matrix {
  Matrix(B& be, Random& random, index_t rows, index_t cols, DType type)
      : offset(static_cast<std::size_t>(random.below(3)) * dtype_size(type)),
        bytes(offset + static_cast<std::size_t>(rows * cols) * dtype_size(type)) {
    for (index_t i = 0; i < rows * cols; ++i) {
      std::uint8_t* to = bytes.data() + offset + static_cast<std::size_t>(i) * dtype_size(type);
      with_dtype(type, [&]<class T>(T) {
        const T value = from_float<T>(random.value());
        std::memcpy(to, &value, sizeof value);
      });
    }
    memory = std::make_unique<ByteMemory<B>>(be, bytes);
    twin = Weight<>(bytes.data() + offset, type, rows, cols);
    weight = WeightOf<B>(memory->data() + offset, type, rows, cols);
    if constexpr (PackOps<B>) {
      if (random.coin())
        weight = packed_weight<B>(be, weight, [&](Buffer<std::byte, SpaceOf<B>> buffer) { return (panels = std::move(buffer)).data(); });
    }
  }
  std::size_t offset;
  std::vector<std::uint8_t> bytes;
  std::unique_ptr<ByteMemory<B>> memory;
  Buffer<std::byte, SpaceOf<B>> panels;
  Weight<> twin;
  WeightOf<B> weight;
};

/// Largest difference relative to the largest magnitude; infinite when NaN or infinity differ.
inline double relative_error(const Host& wanted, const Host& found) {
  double scale = 0.0, worst = 0.0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (std::isfinite(wanted[i])) scale = std::max(scale, std::abs(double{wanted[i]}));
    const bool same = (std::isnan(wanted[i]) && std::isnan(found[i])) || wanted[i] == found[i];
    if (!same)
      worst = std::max(worst, std::isfinite(wanted[i]) && std::isfinite(found[i])
                                  ? std::abs(double{wanted[i]} - double{found[i]})
                                  : std::numeric_limits<double>::infinity());
  }
  return worst == 0.0 ? 0.0 : worst / std::max(scale, 1e-30);
}

/// A key segment on both sides.
template <class B>
struct Segment {
  Segment(B& be, Random& random, index_t queries, index_t keys, const Heads& heads, Visible visible)
      : k(be, random, keys, heads.kv_width(), 2.f), v(be, random, keys, heads.kv_width()), visible_(visible) {
    for (index_t i = 0; i < keys; ++i) positions.push_back(static_cast<std::int32_t>(random.below(100)));
    if (random.coin()) std::sort(positions.begin(), positions.end());
    for (index_t i = 0; i < queries * keys; ++i) table.push_back(random.below(3) == 0 ? 1 : 0);
    ids = std::make_unique<IdMemory<B>>(be, positions);
    bytes = std::make_unique<ByteMemory<B>>(be, table);
  }
  bool sees(index_t query, std::int32_t position, index_t key) const {
    switch (visible_) {
      case Visible::all: return true;
      case Visible::causal: return position >= positions[static_cast<std::size_t>(key)];
      case Visible::table: return table[static_cast<std::size_t>(query * k.rows + key)] != 0;
      case Visible::self: return query == key;
      case Visible::none: return false;
    }
    return false;
  }
  /// Keys that no query sees hold NaN, as unused places of a cache may. So do a few that some see: only
  /// those queries may show it.
  void spoil(Random& random, const std::vector<std::int32_t>& queries) {
    for (index_t key = 0; key < k.rows; ++key) {
      std::size_t seen = 0;
      for (std::size_t q = 0; q < queries.size(); ++q)
        seen += sees(static_cast<index_t>(q), queries[q], key) ? 1 : 0;
      if (seen != 0 && (seen == queries.size() || random.below(16) != 0)) continue;
      for (index_t j = 0; j < k.cols; ++j) {
        if (seen == 0 || key % 2 == 0) k.at(key, j) = not_a_number;
        v.at(key, j) = seen == 0 ? not_a_number : std::numeric_limits<float>::infinity();
      }
    }
    k.send();
    v.send();
  }
  KeySegment<float, HostSpace> twin(index_t queries) {
    const auto n = static_cast<index_t>(positions.size());
    return {k.twin(), v.twin(), visible_, {positions.data(), n}, {table.data(), queries, n}};
  }
  KeySegmentOf<B> segment(index_t queries) {
    const auto n = static_cast<index_t>(positions.size());
    return {k.view(), v.view(), visible_, {ids->data(), n}, {bytes->data(), queries, n}};
  }

  Tensor<B> k, v;
  Visible visible_;
  std::vector<std::int32_t> positions;
  std::vector<std::uint8_t> table;
  std::unique_ptr<IdMemory<B>> ids;
  std::unique_ptr<ByteMemory<B>> bytes;
};

}  // namespace detail
}  // namespace testing
}  // namespace proxyv::inline v0
