// Attention: causal over a prompt, the two of a ProxyV layer, one query over many keys, and a token's. FLOPs
// count the visible pairs. Beside them the textbook form in Eigen's products, where it means the same.
#pragma once

#include "bench/cpu/eigen_form.hpp"
#include "bench/cpu/operands.hpp"
#include "bench/shared/pairs.hpp"

namespace cpu_bench {

/// Queries, keys, values, and where the result goes.
struct AttentionOperands {
  pv::View<float> q, k, v, o;

  AttentionOperands(Operands& from, index_t queries, index_t keys, const pv::Heads& heads)
      : q(from.tensor(queries, heads.query_width())),
        k(from.tensor(keys, heads.kv_width())),
        v(from.tensor(keys, heads.kv_width())),
        o(from.tensor(queries, heads.query_width())) {}
};

inline pv::AttentionArgs<float, pv::HostSpace> seen_by_position(const pv::Heads& heads,
                                                                pv::View<const float> k,
                                                                pv::View<const float> v,
                                                                pv::Span<const std::int32_t> queries,
                                                                pv::Span<const std::int32_t> keys) {
  pv::AttentionArgs<float, pv::HostSpace> args(heads, queries);
  args.add({.keys = k, .values = v, .visible = pv::Visible::causal, .positions = keys});
  return args;
}

inline Amount attention_amount(const pv::Heads& heads, double pairs, index_t queries, index_t keys) {
  return {.flops = 4.0 * pairs * static_cast<double>(heads.query_width()),
          .bytes = 2.0 * (bytes_of(queries * heads.query_width()) + bytes_of(keys * heads.kv_width()))};
}

inline std::string heads_text(const pv::Heads& h) {
  return std::to_string(h.query) + "x" + std::to_string(h.dim) +
         (h.kv == h.query ? "" : "_kv" + std::to_string(h.kv));
}

/// add() for an engine of floats and, where there are bf16 dot products, for one that has them: what a
/// prompt's attention multiplies with. `make` gives the amount and what is timed.
template <class Make>
void add_prompt(const Settings& s, const std::string& name, Make make) {
  for (const Numbers& numbers :
       {Numbers(pv::DType::f32), Numbers(pv::DType::bf16, pv::Precision::bf16_products)}) {
    if (numbers.dots() && pv::default_cpu_level() != pv::CpuLevel::avx512bf16) continue;
    add(s, name + (numbers.dots() ? numbers.name() : "ours"), [=](int threads) {
      auto made = make(std::make_shared<Operands>(threads, std::size_t{16} << 20, numbers.precision));
      made.first.against = numbers.peak();
      return made;
    });
  }
}

/// The same in Eigen's products, scores in memory.
inline void add_eigen_attention(const Settings& s, const std::string& name, const Amount& amount,
                                const pv::Heads& heads, index_t queries, index_t keys, bool causal) {
  add(s, name + "eigen", [=](int threads) {
    auto o = std::make_shared<Operands>(threads);
    const AttentionOperands a(*o, queries, keys, heads);
    return on(o, amount, [=, scores = eigen_form::Rows(queries, keys)](Engine& be) mutable {
      Eigen::setNbThreads(be.threads());
      eigen_form::attention(heads, a.q, a.k, a.v, a.o, causal, scores);
    });
  });
}

inline void add_causal(const Settings& s, const pv::Heads& heads, index_t n) {
  const std::string name = "attention/causal_" + std::to_string(n) + "/" + heads_text(heads) + "/";
  const auto rows = static_cast<double>(n);
  const Amount amount = attention_amount(heads, rows * (rows + 1.0) / 2.0, n, n);
  add_prompt(s, name, [=](const std::shared_ptr<Operands>& o) {
    const AttentionOperands a(*o, n, n, heads);
    const auto positions = o->counting(n);
    return on(o, amount, [=](Engine& be) {
      be.attention(a.q, a.o, seen_by_position(heads, a.k, a.v, positions, positions));
    });
  });
  add_eigen_attention(s, name, amount, heads, n, n, true);
}

/// Every query sees every key: the shape of ProxyV's querying rows as one dense problem.
inline void add_dense(const Settings& s, const pv::Heads& heads, index_t queries, index_t keys) {
  const std::string name = "attention/dense_" + std::to_string(queries) + "x" + std::to_string(keys) + "/" +
                           heads_text(heads) + "/";
  const Amount amount =
      attention_amount(heads, static_cast<double>(queries) * static_cast<double>(keys), queries, keys);
  add_prompt(s, name, [=](const std::shared_ptr<Operands>& o) {
    const AttentionOperands a(*o, queries, keys, heads);
    return on(o, amount, [=](Engine& be) {
      pv::AttentionArgs<float, pv::HostSpace> args(heads);
      args.add({.keys = a.k, .values = a.v, .visible = pv::Visible::all});
      be.attention(a.q, a.o, args);
    });
  });
  add_eigen_attention(s, name, amount, heads, queries, keys, false);
}

/// The two attentions of a ProxyV layer on the prompt: newlines and text over all rows, proxies over the
/// querying rows.
inline void add_proxy_attention(const Settings& s, const pv::Heads& heads) {
  add_prompt(s, "attention/proxyv/" + heads_text(heads) + "/", [=](const std::shared_ptr<Operands>& o) {
    const pv::TokenLayout layout = layout_for({576, 36});
    const index_t proxies = layout.proxies(), few = layout.focus_positions().size(), rest = few - proxies;
    const auto all = o->copied(layout.positions()), focus = o->copied(layout.focus_positions());
    const AttentionOperands far(*o, rest, layout.rows(), heads), near(*o, proxies, few, heads);
    const Amount amount =
        attention_amount(heads, visible_pairs(layout, Attends::with_proxy), few, layout.rows() + few);
    return on(o, amount, [=](Engine& be) {
      be.attention(far.q, far.o, seen_by_position(heads, far.k, far.v, focus.part(proxies, rest), all));
      be.attention(near.q, near.o, seen_by_position(heads, near.k, near.v, focus.first(proxies), focus));
    });
  });
}

/// A token over the keys of a cache. Several caches in turn, so that none is found in a cache of the
/// processor.
inline void add_decode_attention(const Settings& s, const pv::Heads& heads, index_t keys) {
  add(s, "attention/decode_" + std::to_string(keys) + "/" + heads_text(heads) + "/ours", [=](int threads) {
    auto o = std::make_shared<Operands>(threads);
    std::vector<AttentionOperands> all;
    const double once = 2.0 * bytes_of(keys * heads.kv_width());
    for (double sum = 0.0; sum < 256e6; sum += once) all.emplace_back(*o, 1, keys, heads);
    Amount amount = attention_amount(heads, static_cast<double>(keys), 1, keys);
    amount.against = Ceiling::read;
    return on(o, amount, [=, next = std::size_t{0}](Engine& be) mutable {
      const AttentionOperands& a = all[next++ % all.size()];
      pv::AttentionArgs<float, pv::HostSpace> args(heads);
      args.add({.keys = a.k, .values = a.v, .visible = pv::Visible::all});
      be.attention(a.q, a.o, args);
    });
  });
}

inline void add_attention(const Settings& s) {
  add_causal(s, {4, 2, 16}, 64);
  for (const pv::Heads heads : {pv::Heads{8, 8, 128}, pv::Heads{16, 16, 64}}) {
    add_causal(s, heads, 2935);
    add_dense(s, heads, 235, 3115);
    add_proxy_attention(s, heads);
    add_decode_attention(s, heads, 2935);
  }
  for (const pv::Heads heads : {pv::Heads{32, 32, 128}, pv::Heads{32, 8, 128}}) {
    add_proxy_attention(s, heads);
    add_decode_attention(s, heads, 2935);
  }
}

}  // namespace cpu_bench
