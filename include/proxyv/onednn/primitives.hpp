// oneDNN's side of the engine: products and norms as primitives, made when a shape first comes up and kept.
//
// The only header that includes oneDNN's. Pointers and shapes come in checked.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>

#include "proxyv/backend/epilogue.hpp"
#include "proxyv/core/buffer.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace proxyv::inline v0 {
namespace detail::onednn {

using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;
using Desc = dnnl::memory::desc;

/// y [rows, cols] = act(x b + bias + beta y) times `by`, where that is given.
struct Product {
  index_t rows = 0, depth = 0, cols = 0;
  Type type = Type::f32;  ///< of x and b; y and bias are f32
  const void* x = nullptr;
  index_t x_stride = 0;
  const void* b = nullptr;
  index_t b_stride = 0;
  bool b_is_rows = true;  ///< b is w^T, w [cols, depth]; false: b [depth, cols]
  float* y = nullptr;
  index_t y_stride = 0;
  const float* bias = nullptr;
  const float* by = nullptr;  ///< [rows, cols] without gaps, or null
  float beta = 0.f;
  Act act = Act::none;
};

/// While it lives, this thread's OpenMP regions, oneDNN's too, have so many threads.
class ThreadLimit {
 public:
#if defined(_OPENMP)
  explicit ThreadLimit(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~ThreadLimit() { omp_set_num_threads(before_); }
#else
  explicit ThreadLimit(int) {}
#endif
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  [[maybe_unused]] int before_ = 0;
};

/// The primitives of one engine. Memory: each primitive that a new shape makes, and one scratchpad, which
/// grows to what the greediest of them asks for.
class Primitives {
 public:
  explicit Primitives(int threads)
      : threads_(threads), engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {}

  void multiply(const Product& p) {
    run([&] {
      // One row is a matrix times a vector, which inner_product does better; it has no use for gaps.
      const bool one = p.rows == 1 && p.b_is_rows;
      const Key key{one ? 1 : 0,    p.rows,     p.depth,     p.cols,     p.x_stride,    p.b_stride,
                    p.b_is_rows,    p.y_stride, int(p.type), int(p.act), p.beta != 0.f, p.bias != nullptr,
                    p.by != nullptr};
      Entry& entry = found(key, [&] { return one ? inner_product(p) : matmul(p); });
      execute(entry, {p.x, p.b, p.bias, p.y, p.by});
    });
  }

  /// y = (x - mean) / sqrt(variance + eps) * gain + bias for each row; none of them has gaps. y may be x.
  void layer_norm(const float* x, const float* gain, const float* bias, float* y, index_t rows, index_t cols,
                  float eps) {
    run([&] {
      // A primitive holds its epsilon: its bits are a part of the key.
      const Key key{2, rows, cols, std::bit_cast<std::int32_t>(eps)};
      Entry& entry = found(key, [&] { return norm(rows, cols, eps); });
      // Gain and bias are one tensor in oneDNN 2.6.
      float* both = scale_shift(gain, bias, cols);
      execute(entry, {x, both, nullptr, y, nullptr});
    });
  }

  std::size_t count() const { return entries_.size(); }
  std::size_t scratch_bytes() const { return static_cast<std::size_t>(scratch_.size()); }

 private:
  using Key = std::array<index_t, 13>;

  /// A primitive and its operands' handles, set at each call.
  struct Entry {
    dnnl::primitive primitive;
    std::unordered_map<int, dnnl::memory> arguments;
    std::array<int, 5> names{};  ///< of x, b, bias, y, by; 0: has none
    std::size_t scratch = 0;
  };

  /// Runs work() on this engine's threads; oneDNN's errors become the library's.
  template <class Work>
  void run(Work&& work) {
    const ThreadLimit limit(threads_);
#if defined(__cpp_exceptions)
    try {
      work();
    } catch (const dnnl::error& e) {
      fail(ArgumentError(concat("oneDNN: ", e.what(), " (status ", static_cast<int>(e.status), ")")));
    }
#else
    work();
#endif
  }

  template <class Make>
  Entry& found(const Key& key, Make&& make) {
    const auto at = entries_.find(key);
    return at != entries_.end() ? at->second : entries_.emplace(key, make()).first->second;
  }

  static Desc matrix(index_t rows, index_t cols, Type type, index_t stride) {
    return Desc({rows, cols}, type, dnnl::memory::dims{rows == 1 ? cols : stride, 1});
  }

  static dnnl::primitive_attr attributes(const Product& p) {
    dnnl::post_ops after;
    if (p.beta != 0.f) after.append_sum(p.beta);
    if (p.act == Act::silu) after.append_eltwise(1.f, dnnl::algorithm::eltwise_swish, 1.f, 0.f);
    if (p.act == Act::gelu) after.append_eltwise(1.f, dnnl::algorithm::eltwise_gelu_erf, 0.f, 0.f);
    if (p.act == Act::quick_gelu) after.append_eltwise(1.f, dnnl::algorithm::eltwise_swish, 1.702f, 0.f);
    if (p.by != nullptr)
      after.append_binary(dnnl::algorithm::binary_mul, matrix(p.rows, p.cols, Type::f32, p.cols));
    dnnl::primitive_attr out;
    out.set_post_ops(after);
    out.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return out;
  }

  Entry matmul(const Product& p) {
    const Desc x = matrix(p.rows, p.depth, p.type, p.x_stride),
               y = matrix(p.rows, p.cols, Type::f32, p.y_stride);
    const auto strides = p.b_is_rows ? dnnl::memory::dims{1, p.b_stride} : dnnl::memory::dims{p.b_stride, 1};
    const Desc b({p.depth, p.cols}, p.type, strides);
    const Desc bias = p.bias == nullptr ? Desc() : matrix(1, p.cols, Type::f32, p.cols);
    const dnnl::matmul::primitive_desc about({x, b, bias, y}, attributes(p), engine_);
    return entry(dnnl::matmul(about), about, p, {x, b, bias, y});
  }

  Entry inner_product(const Product& p) {
    const Desc x = matrix(1, p.depth, p.type, p.depth), y = matrix(1, p.cols, Type::f32, p.cols);
    const Desc w = matrix(p.cols, p.depth, p.type, p.depth);
    const Desc bias = p.bias == nullptr ? Desc() : Desc({p.cols}, Type::f32, Tag::a);
    const auto what = dnnl::prop_kind::forward_inference;
    const auto how = p.bias == nullptr ? dnnl::inner_product_forward::desc(what, x, w, y)
                                       : dnnl::inner_product_forward::desc(what, x, w, bias, y);
    const dnnl::inner_product_forward::primitive_desc about(how, attributes(p), engine_);
    return entry(dnnl::inner_product_forward(about), about, p, {x, w, bias, y});
  }

  Entry norm(index_t rows, index_t cols, float eps) {
    const Desc x = matrix(rows, cols, Type::f32, cols);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::layer_normalization_forward::primitive_desc about(
        {dnnl::prop_kind::forward_inference, x, eps, dnnl::normalization_flags::use_scale_shift}, attributes,
        engine_);
    Entry out;
    out.primitive = dnnl::layer_normalization_forward(about);
    add(out, 0, DNNL_ARG_SRC, x);
    add(out, 1, DNNL_ARG_SCALE_SHIFT, matrix(2, cols, Type::f32, cols));
    add(out, 3, DNNL_ARG_DST, x);
    add_scratch(out, about.scratchpad_desc());
    return out;
  }

  template <class About>
  Entry entry(dnnl::primitive primitive, const About& about, const Product& p,
              const std::array<Desc, 4>& operands) {
    Entry out;
    out.primitive = std::move(primitive);
    add(out, 0, DNNL_ARG_SRC, operands[0]);
    add(out, 1, DNNL_ARG_WEIGHTS, operands[1]);
    if (p.bias != nullptr) add(out, 2, DNNL_ARG_BIAS, operands[2]);
    add(out, 3, DNNL_ARG_DST, operands[3]);
    const int binary =
        (p.beta != 0.f ? 1 : 0) + (p.act != Act::none ? 1 : 0);  // its place among the post-ops
    if (p.by != nullptr)
      add(out, 4, DNNL_ARG_ATTR_MULTIPLE_POST_OP(binary) | DNNL_ARG_SRC_1,
          matrix(p.rows, p.cols, Type::f32, p.cols));
    add_scratch(out, about.scratchpad_desc());
    return out;
  }

  void add(Entry& to, std::size_t operand, int name, const Desc& desc) {
    to.names[operand] = name;
    to.arguments.emplace(name, dnnl::memory(desc, engine_, nullptr));
  }
  void add_scratch(Entry& to, const Desc& desc) {
    to.scratch = desc.get_size();
    if (to.scratch > 0) to.arguments.emplace(DNNL_ARG_SCRATCHPAD, dnnl::memory(desc, engine_, nullptr));
  }

  void execute(Entry& entry, const std::array<const void*, 5>& operands) {
    for (std::size_t i = 0; i < operands.size(); ++i)
      if (entry.names[i] != 0)  // oneDNN does not know const; inputs stay as they are
        entry.arguments.at(entry.names[i]).set_data_handle(const_cast<void*>(operands[i]));
    if (entry.scratch > 0) {
      if (scratch_bytes() < entry.scratch)
        scratch_ = host_buffer<std::byte>(static_cast<index_t>(entry.scratch));
      entry.arguments.at(DNNL_ARG_SCRATCHPAD).set_data_handle(scratch_.data());
    }
    entry.primitive.execute(stream_, entry.arguments);
    stream_.wait();
  }

  float* scale_shift(const float* gain, const float* bias, index_t cols) {
    if (scale_shift_.size() < 2 * cols) scale_shift_ = host_buffer<float>(2 * cols);
    std::copy_n(gain, cols, scale_shift_.data());
    std::copy_n(bias, cols, scale_shift_.data() + cols);
    return scale_shift_.data();
  }

  int threads_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  std::map<Key, Entry> entries_;
  Buffer<std::byte> scratch_;
  Buffer<float> scale_shift_;
};

}  // namespace detail::onednn
}  // namespace proxyv::inline v0
