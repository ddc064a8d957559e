// Grouped-query self-attention with rotary embedding: projections around the engine's attention op.
#pragma once

#include "proxyv/backend/fused.hpp"
#include "proxyv/layers/linear.hpp"

namespace proxyv::inline v0 {

/// The four projections of a decoder's attention.
///
/// Keys and values can be made apart from queries, because in a ProxyV layer the rows that are looked
/// at are more than the rows that look. Source: LlamaSdpaAttention_forward of the reference.
template <class B>
class Attention {
 public:
  struct Weights {
    Linear<B> q, k, v, o;
  };

  Attention() = default;
  Attention(const Weights& w, const Heads& heads) : w_(w), heads_(heads) {}

  const Heads& heads() const { return heads_; }

  /// What to ask of project_heads for keys and values, or for all three, of rows with these rotations.
  HeadsProjection<B> for_keys_values(Table<B> rotary, Out<B> keys, Out<B> values) const {
    return {.k = w_.k.weight(), .v = w_.v.weight(), .k_bias = w_.k.bias(), .v_bias = w_.v.bias(), .rotary = rotary, .keys = keys, .values = values};
  }
  HeadsProjection<B> for_all(Table<B> rotary, Out<B> q, Out<B> keys, Out<B> values) const {
    HeadsProjection<B> p = for_keys_values(rotary, keys, values);
    p.q = w_.q.weight();
    p.q_bias = w_.q.bias();
    p.queries = q;
    return p;
  }

  /// Keys and values of normalised rows.
  /// normed [n, hidden] in; rotary [n, head_dim] in; keys, values [n, kv_width] out.
  template <class E>
    requires GemmOps<E> && RotaryOps<E> && SameTensorsAs<E, B>
  void keys_values(E& be, In<B> normed, Table<B> rotary, Out<B> keys, Out<B> values) const {
    project_heads<B>(be, normed, for_keys_values(rotary, keys, values));
  }

  /// Keys of normalised rows before rotation, which do not depend on positions. keys [n, kv_width] out.
  template <class E>
    requires GemmOps<E> && SameTensorsAs<E, B>
  void raw_keys(E& be, In<B> normed, Out<B> keys) const {
    w_.k(be, normed, keys);
  }

  /// Rotated queries of normalised rows. q [n, query_width] out.
  template <class E>
    requires GemmOps<E> && RotaryOps<E> && SameTensorsAs<E, B>
  void queries(E& be, In<B> normed, Table<B> rotary, Out<B> q) const {
    project_heads<B>(be, normed, {.q = w_.q.weight(), .q_bias = w_.q.bias(), .rotary = rotary, .queries = q});
  }

  /// x += o_proj(heads' output). seen [n, query_width] in; x [n, hidden] in/out.
  template <class E>
    requires GemmOps<E> && SameTensorsAs<E, B>
  void add_output(E& be, In<B> seen, Out<B> x) const {
    w_.o(be, seen, x, {.beta = 1.f});
  }

 private:
  Weights w_;
  Heads heads_;
};

}  // namespace proxyv::inline v0
