// The contract: what an engine offers, in small pieces. A layer asks only for what it uses.
//
// An engine is an object `be` of a type B: it owns its threads or stream, its arena and its library
// handles, is used by one thread at a time, and its ops never allocate. Ops may be queued; only
// upload, download and sync wait. All sums are carried in float or better.
#pragma once

#include <concepts>
#include <cstdint>

#include "proxyv/backend/arena.hpp"
#include "proxyv/backend/epilogue.hpp"
#include "proxyv/backend/grid.hpp"
#include "proxyv/backend/mask.hpp"
#include "proxyv/backend/rotary.hpp"
#include "proxyv/backend/sampling.hpp"
#include "proxyv/backend/types.hpp"
#include "proxyv/core/buffer.hpp"

namespace proxyv::inline v0 {

/// Memory: what activations are made of, where they live, scratch, and the way in and out.
template <class B>
concept Storage = requires(B& be, index_t n, In<B> src, Out<B> dst, View<const float> host, View<float> back, Span<const std::int32_t> ids,
                           OutIds<B> to, Ids<B> from, Span<std::int32_t> host_ids, View<const std::uint8_t> bytes,
                           View<std::uint8_t, SpaceOf<B>> mask) {
  typename B::element;
  typename B::space;
  { be.template alloc<Elem<B>>(n) } -> std::same_as<Buffer<Elem<B>, SpaceOf<B>>>;  // start-up only
  { be.frame() } -> std::same_as<Frame<Elem<B>, SpaceOf<B>>>;                      // scratch, released when the frame dies
  { be.workspace_available() } -> std::convertible_to<std::size_t>;
  be.upload(host, dst);
  be.upload(ids, to);
  be.upload(bytes, mask);
  be.download(src, back);
  be.download(from, host_ids);
  be.copy(src, dst);
  be.sync();
};

/// y = act(x w^T + bias + beta y) with w [out, in], and the plain product y = x z + beta y.
/// y must not overlap x, w or z.
template <class B>
concept GemmOps = Storage<B> && requires(B& be, In<B> x, WeightOf<B> w, In<B> z, Out<B> y, EpilogueOf<B> e, float beta) {
  be.gemm(x, w, y, e);
  be.product(x, z, y, beta);
};

/// Per row; y may be x.
template <class B>
concept NormOps = Storage<B> && requires(B& be, In<B> x, Vec<B> gain, Vec<B> bias, Out<B> y, float eps) {
  be.rms_norm(x, gain, y, eps);
  be.layer_norm(x, gain, bias, y, eps);
};

/// The table is made once per set of positions: [n, head_dim], cosines then sines. rotate works in place.
template <class B>
concept RotaryOps = Storage<B> && requires(B& be, Ids<B> positions, Rotary rotary, Table<B> table, Out<B> x) {
  be.rotary_table(positions, rotary, table);
  be.rotate(x, table);
};

/// o = softmax(q k^T / sqrt(head_dim)) v over the visible keys; o apart from q, keys and values.
template <class B>
concept AttentionOps = Storage<B> && requires(B& be, In<B> q, Out<B> o, const AttentionArgsOf<B>& args) { be.attention(q, o, args); };

/// y = silu(x gate^T) * (x up^T)
template <class B>
concept GateOps = Storage<B> && requires(B& be, In<B> x, WeightOf<B> gate, WeightOf<B> up, Out<B> y) { be.swiglu(x, gate, up, y); };

/// Pooling of crops and its opposite (each pooled row copied to its factor x factor block), and
/// y = softmax(scale * x) per row; y may be x. The table, when not empty, hides entries (0 = hidden).
template <class B>
concept ProxyOps = Storage<B> && requires(B& be, In<B> x, Out<B> y, Grid grid, float scale, View<const std::uint8_t, SpaceOf<B>> table,
                                          EmptyRow empty) {
  be.bilinear_pool(x, y, grid);
  be.upsample(x, y, grid);
  be.softmax_rows(x, y, scale, table, empty);
};

/// y[i] = table[ids[i]], from a weight or from activations. Ids are checked by the caller.
template <class B>
concept GatherOps = Storage<B> && requires(B& be, WeightOf<B> table, In<B> x, Ids<B> ids, Out<B> y) {
  be.embed(table, ids, y);
  be.gather(x, ids, y);
};

/// next[0] = the token chosen from logits [1, vocab], or not_a_token when a logit is not finite.
template <class B>
concept SampleOps = Storage<B> && requires(B& be, In<B> logits, Sampling how, std::uint64_t step, OutIds<B> next) {
  be.sample(logits, how, step, next);
};

/// Ranking rows by the attention they get, and the bookkeeping of rows that stay. Deterministic: of equal scores
/// the lower index wins, and what is kept is ascending. Ids are checked by the caller.
///   attention_weights  weights [queries * query heads, keys] = softmax(q k^T / sqrt(head_dim)) per query and head,
///                      keys in the order of the segments, 0 where hidden; values are not looked at
///   sum_rows           y [1, n] = scale * the sum of x's rows
///   keep_top           kept [k] = base + the indices below `always` and the best k - always others of scores [1, n]
///   pick               y[i] = x[which[i]]
///   renumber           y[i] = the rank of x[i] among x; equal numbers keep their order
///   hide_others        y = x at the kept indices, the largest number elsewhere: positions that no query sees
template <class B>
concept RankOps = Storage<B> && requires(B& be, In<B> q, const AttentionArgsOf<B>& args, Table<B> table, float scale, index_t always, Ids<B> x,
                                         Ids<B> which, OutIds<B> y) {
  be.attention_weights(q, args, table);
  be.sum_rows(table, scale, table);
  be.keep_top(table, always, y, always);
  be.pick(x, which, y);
  be.renumber(x, y);
  be.hide_others(x, which, y);
  be.copy(x, y);
};

/// Merging rows that are not kept into a few of them (VisionZip).
///   head_mean          y [n, width / heads] = the mean over heads of x [n, width]
///   group_rest         splits the rows of metric [n, w] that are not kept into targets, every step-th of them with
///                      step = max(1, rest / targets), and merged, the others; to[i] = the target whose metric has
///                      the largest cosine with that of merged[i]
///   add_group_means    y[t] = x[targets[t]] + the mean of its merged rows of x
template <class B>
concept MergeOps = Storage<B> && requires(B& be, In<B> x, index_t heads, Table<B> metric, Ids<B> ids, OutIds<B> to, Out<B> y) {
  be.head_mean(x, heads, metric);
  be.group_rest(metric, ids, to, to, to);
  be.add_group_means(x, ids, ids, ids, y);
};

/// All of it: what a whole decoder with its vision encoder needs.
template <class B>
concept Backend = GemmOps<B> && NormOps<B> && RotaryOps<B> && AttentionOps<B> && GateOps<B> && ProxyOps<B> && GatherOps<B> && SampleOps<B>;

/// Two engines whose tensors are of the same kind, so that one can run the other's layers.
template <class E, class B>
concept SameTensorsAs = Storage<E> && std::same_as<Elem<E>, Elem<B>> && std::same_as<SpaceOf<E>, SpaceOf<B>>;

}  // namespace proxyv::inline v0
