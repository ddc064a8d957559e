// Benchmarks of single ops at the shapes of the models: products, attention, and what stands between them.
#pragma once

#include <string>
#include <utility>

#include "bench/cuda/ceilings.hpp"

namespace cuda_bench {

/// prepare(bench) makes one set of operands and returns the call on it.
template <class Prepare>
void add_op(const std::string& name, const OpCost& cost, std::chrono::milliseconds rest, Prepare&& prepare) {
  add_benchmark(name, [=](benchmark::State& state) {
    Bench b;
    const auto fit = static_cast<int>(192e6 / std::max(cost.bytes, 1.0)) + 1;
    const int sets = cost.sets > 0 ? cost.sets : std::clamp(fit, 2, 24);
    std::vector<Call> calls;
    for (int i = 0; i < sets; ++i) calls.push_back(prepare(b));
    const Milliseconds times = times_of(b, calls, calls_in_graph(cost), rest);
    report(state, times);
    if (cost.flops > 0) state.counters["tflop_per_s"] = 1e-9 * cost.flops / median(times);
    state.counters["share"] = ceilings().least_ms(cost) / median(times);
    if (cost.bytes > 0) state.counters["tb_per_s"] = 1e-9 * cost.bytes / median(times);
  });
}

/// The products of one model.
class ProductOps {
 public:
  ProductOps(std::string model, const pv::RuntimeConfig& c) : model_(std::move(model)), c_(c) {}

  void add() const {
    const index_t d = c_.hidden, q = c_.heads * c_.head_dim, kv = c_.kv_heads * c_.head_dim,
                  inner = c_.update_inner;
    heads("vanilla.heads", 2935);
    gemm("vanilla.o", 2935, d, q, 1.f);
    swiglu("vanilla.swiglu", 2935);
    gemm("vanilla.down", 2935, d, c_.ffn, 1.f);

    proxy_heads(2880, 235);
    gemm("proxy.o", 235, d, q, 1.f);
    proxy_swiglu(2880, 235);
    gemm("proxy.down", 235, d, c_.ffn, 1.f);
    gemm("proxy.context", 180, inner, d, 0.f);
    gemm("proxy.vision_out", 2880, d, inner, 1.f);

    one_row("decode.heads", q + 2 * kv, d);
    gemm("decode.o", 1, d, q, 1.f);
    one_row("decode.swiglu", 2 * c_.ffn, d);
    gemm("decode.down", 1, d, c_.ffn, 1.f);
    one_row("decode.lm_head", c_.vocab, d);
  }

 private:
  static double size(index_t rows, index_t cols) {
    return 2.0 * static_cast<double>(rows) * static_cast<double>(cols);
  }
  static OpCost product(index_t m, index_t n, index_t k) {
    return {size(m, k) + size(n, k) + size(m, n), size(m, n) * static_cast<double>(k)};
  }
  static OpCost both(const OpCost& a, const OpCost& b) { return {a.bytes + b.bytes, a.flops + b.flops}; }
  std::string name(const char* op, index_t m, index_t n, index_t k) const {
    return std::string("gemm/") + model_ + "/" + op + "/" + std::to_string(m) + "x" + std::to_string(n) +
           "x" + std::to_string(k);
  }

  void gemm(const char* op, index_t m, index_t n, index_t k, float beta) const {
    add_op(name(op, m, n, k), product(m, n, k), burst, [=](Bench& b) -> Call {
      const auto x = b.tensor(m, k), y = b.tensor(m, n);
      const auto w = b.weight(n, k);
      return [=, &b] { b.be.gemm(x, w, y, {.beta = beta}); };
    });
  }
  /// The projections of `rows` rows, with queries or without.
  static pv::HeadsProjection<Engine> projection(Bench& b, const pv::RuntimeConfig& c, index_t rows,
                                                bool queries) {
    const index_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
    pv::HeadsProjection<Engine> p;
    p.rotary = b.rotary(counting(b, rows), c.head_dim);
    p.k = b.weight(kv, c.hidden), p.keys = b.tensor(rows, kv);
    p.v = b.weight(kv, c.hidden), p.values = b.tensor(rows, kv);
    if (queries) p.q = b.weight(q, c.hidden), p.queries = b.tensor(rows, q);
    return p;
  }
  void heads(const char* op, index_t m) const {
    const index_t n = (c_.heads + 2 * c_.kv_heads) * c_.head_dim;
    add_op(name(op, m, n, c_.hidden), product(m, n, c_.hidden), burst, [c = c_, m](Bench& b) -> Call {
      const auto x = b.tensor(m, c.hidden);
      const auto p = projection(b, c, m, true);
      return [=, &b] { b.be.project_heads(x, p); };
    });
  }
  void swiglu(const char* op, index_t m) const {
    add_op(name(op, m, 2 * c_.ffn, c_.hidden), product(m, 2 * c_.ffn, c_.hidden), burst,
           [c = c_, m](Bench& b) -> Call {
             const auto x = b.tensor(m, c.hidden), y = b.tensor(m, c.ffn);
             const auto gate = b.weight(c.ffn, c.hidden), up = b.weight(c.ffn, c.hidden);
             return [=, &b] { b.be.swiglu(x, gate, up, y); };
           });
  }
  /// Keys and values of the vision rows, and all three of the others, in one launch.
  void proxy_heads(index_t vision, index_t focus) const {
    const index_t kv = 2 * c_.kv_heads * c_.head_dim, q = c_.heads * c_.head_dim;
    const OpCost cost = both(product(vision, kv, c_.hidden), product(focus, kv + q, c_.hidden));
    add_op(name("proxy.heads", vision + focus, kv, c_.hidden) + "+q", cost, burst,
           [c = c_, vision, focus](Bench& b) -> Call {
             const auto x = b.tensor(vision, c.hidden), z = b.tensor(focus, c.hidden);
             const auto all = projection(b, c, focus, true);
             auto wide = projection(b, c, vision, false);
             wide.k = all.k, wide.v = all.v;
             return [=, &b] {
               pv::together(b.be, [&] {
                 b.be.project_heads(x, wide);
                 b.be.project_heads(z, all);
               });
             };
           });
  }
  void proxy_swiglu(index_t vision, index_t focus) const {
    const OpCost cost =
        both(product(focus, 2 * c_.ffn, c_.hidden), product(vision, c_.update_inner, c_.hidden));
    add_op(name("proxy.swiglu", focus, 2 * c_.ffn, c_.hidden) + "+vision_in", cost, burst,
           [c = c_, vision, focus](Bench& b) -> Call {
             const auto x = b.tensor(focus, c.hidden), y = b.tensor(focus, c.ffn);
             const auto full = b.tensor(vision, c.hidden), mixed = b.tensor(vision, c.update_inner);
             const auto gate = b.weight(c.ffn, c.hidden), up = b.weight(c.ffn, c.hidden),
                        in = b.weight(c.update_inner, c.hidden);
             return [=, &b] {
               pv::together(b.be, [&] {
                 b.be.swiglu(x, gate, up, y);
                 b.be.gemm(full, in, mixed, {});
               });
             };
           });
  }
  /// One row with its norm: heads, swiglu or the head of the model, told apart by n.
  void one_row(const char* op, index_t n, index_t k) const {
    const bool is_heads = std::string(op) == "decode.heads", is_gate = std::string(op) == "decode.swiglu";
    add_op(name(op, 1, n, k), product(1, n, k), burst, [=, c = c_](Bench& b) -> Call {
      const auto x = b.tensor(1, k), normed = b.tensor(1, k), y = b.tensor(1, n);
      const pv::Norm<Engine> norm{b.gain(k), 1e-5f};
      if (is_heads) {
        const auto p = projection(b, c, 1, true);
        return [=, &b] { b.be.norm_heads(x, norm, normed, p); };
      }
      const auto w = b.weight(is_gate ? n / 2 : n, k), up = is_gate ? b.weight(n / 2, k) : w;
      if (is_gate) return [=, &b] { b.be.norm_swiglu(x, norm, normed, w, up, y.col_range(0, n / 2)); };
      return [=, &b] { b.be.norm_gemm(x, norm, normed, w, y, {}); };
    });
  }

  std::string model_;
  pv::RuntimeConfig c_;
};

/// One segment of keys that are seen by position.
inline pv::AttentionArgsOf<Engine> causal(const pv::Heads& heads, pv::In<Engine> k, pv::In<Engine> v,
                                          pv::Ids<Engine> queries, pv::Ids<Engine> keys) {
  pv::AttentionArgsOf<Engine> args(heads, queries);
  args.add({.keys = k, .values = v, .visible = pv::Visible::causal, .positions = keys});
  return args;
}

/// The attentions of one model: a plain layer's, a ProxyV layer's two, and a token's. Three sets of operands.
inline void add_attention(const std::string& prefix, const pv::RuntimeConfig& c) {
  const pv::Heads heads = pv::heads_of(c);
  const double per_pair = 4.0 * static_cast<double>(heads.query_width());
  add_op(prefix + "causal_2935", {.flops = per_pair * 2935.0 * 1468.0, .sets = 3}, no_rest,
         [=](Bench& b) -> Call {
           const auto q = b.tensor(2935, heads.query_width()), o = b.tensor(2935, heads.query_width());
           const auto k = b.tensor(2935, heads.kv_width()), v = b.tensor(2935, heads.kv_width());
           const auto positions = counting(b, 2935);
           return [=, &b] { b.be.attention(q, o, causal(heads, k, v, positions, positions)); };
         });
  add_op(prefix + "proxyv_shape", {.sets = 3}, no_rest, [=](Bench& b) -> Call {
    const pv::TokenLayout layout = layout_for({576, 36});
    const auto copied = [&](pv::Span<const std::int32_t> host) {
      return b.numbers({host.begin(), host.end()});
    };
    const auto all = copied(layout.positions()), focus = copied(layout.focus_positions());
    const auto q = b.tensor(235, heads.query_width()), o = b.tensor(235, heads.query_width());
    const auto k = b.tensor(2935, heads.kv_width()), v = b.tensor(2935, heads.kv_width());
    const auto near_k = b.tensor(235, heads.kv_width()), near_v = b.tensor(235, heads.kv_width());
    return [=, &b] {
      pv::together(b.be, [&] {
        b.be.attention(q.row_range(180, 55), o.row_range(180, 55),
                       causal(heads, k, v, focus.part(180, 55), all));
        b.be.attention(q.row_range(0, 180), o.row_range(0, 180),
                       causal(heads, near_k, near_v, focus.part(0, 180), focus));
      });
    };
  });
  const double cache = 4.0 * 2967.0 * static_cast<double>(heads.kv_width());
  add_op(prefix + "decode_2967", {.bytes = cache}, no_rest, [=](Bench& b) -> Call {
    const auto q = b.tensor(1, heads.query_width()), o = b.tensor(1, heads.query_width());
    const auto k = b.tensor(cache_rows, heads.kv_width()), v = b.tensor(cache_rows, heads.kv_width());
    const auto live = b.numbers({2967});
    return [=, &b] {
      pv::AttentionArgsOf<Engine> args(heads);
      args.add({.keys = k, .values = v, .visible = pv::Visible::all, .live = live});
      b.be.attention(q, o, args);
    };
  });
}

/// What moves bytes and multiplies little, hidden 4096.
inline void add_small_ops() {
  constexpr index_t d = 4096;
  constexpr pv::Grid grid{5, 24, 4};
  const auto bytes = [](index_t rows, index_t cols, double passes) {
    return 2.0 * passes * static_cast<double>(rows * cols);
  };
  add_op("op/rms_norm/2935x4096", {.bytes = bytes(2935, d, 2)}, no_rest, [](Bench& b) -> Call {
    const auto x = b.tensor(2935, d), y = b.tensor(2935, d);
    const auto gain = b.gain(d);
    return [=, &b] { b.be.rms_norm(x, gain, y, 1e-5f); };
  });
  add_op("op/rms_norm_twice/2880x4096", {.bytes = bytes(2880, d, 3)}, no_rest, [](Bench& b) -> Call {
    const auto x = b.tensor(2880, d), y = b.tensor(2880, d);
    const pv::Norm<Engine> first{b.gain(d), 1e-5f}, second{b.gain(d), 1e-5f};
    return [=, &b] { b.be.rms_norm_twice(x, first, second, y); };
  });
  add_op("op/silu_add_upsampled/2880x1024", {.bytes = bytes(2880, 1024, 2)}, no_rest,
         [grid](Bench& b) -> Call {
           const auto context = b.tensor(180, 1024), mixed = b.tensor(2880, 1024);
           return [=, &b] { b.be.silu_add_upsampled(context, mixed, grid); };
         });
  add_op("op/bilinear_pool/2880x4096", {.bytes = bytes(2880, d, 0.25) + bytes(180, d, 1)}, no_rest,
         [grid](Bench& b) -> Call {
           const auto x = b.tensor(2880, d), y = b.tensor(180, d);
           return [=, &b] { b.be.bilinear_pool(x, y, grid); };
         });
}

inline void add_ops() {
  const auto vicuna = pv::RuntimeConfig::from(pv::presets::Vicuna7B{});
  const auto llama = pv::RuntimeConfig::from(pv::presets::Llama3_8B{});
  add_attention("attention/", vicuna);
  add_attention("attention/llama3-8b/", llama);
  ProductOps("vicuna-7b", vicuna).add();
  ProductOps("llama3-8b", llama).add();
  add_small_ops();
}

}  // namespace cuda_bench
