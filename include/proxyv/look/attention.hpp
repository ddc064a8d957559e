// What chosen tokens look at: attention weights of a few rows, from the states that a prefill left.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "proxyv/look/states.hpp"

namespace proxyv::inline v0 {
namespace look {

/// The four kinds of tokens, in the packed order of keys.
enum class Segment : std::uint8_t { vision, proxy, newline, text };
inline constexpr std::array<const char*, 4> segment_names{"vision", "proxies", "newlines", "text"};

/// A token of a prompt: the index-th of its kind.
struct Token {
  Segment segment = Segment::text;
  index_t index = 0;
  friend bool operator==(Token, Token) = default;
};

inline index_t segment_rows(const TokenLayout& layout, Segment s) {
  const std::array<index_t, 4> rows{layout.vision(), layout.proxies(), layout.newlines(), layout.text()};
  return rows[static_cast<std::size_t>(s)];
}

/// The token whose logits choose the next one.
inline Token last_token(const TokenLayout& layout) {
  const index_t rest = layout.last_row() - layout.vision();
  if (rest < layout.newlines()) return {Segment::newline, rest};
  return {Segment::text, rest - layout.newlines()};
}

/// How much of one token's attention goes to each kind of token; the sum is one, or zero where it does not
/// look.
struct AttentionMass {
  double vision = 0.0, proxies = 0.0, newlines = 0.0, text = 0.0;
  double total() const { return vision + proxies + newlines + text; }
};

/// One token's attention in one layer.
struct AttentionRow {
  /// [heads, vision + proxies + newlines + text] weights in that order, each row summing to one. Empty where
  /// the token has no query: vision tokens in ProxyV layers, proxies in plain ones.
  Matrix<double> weights;

  bool looks() const { return !weights.empty(); }

  /// [vision + proxies + newlines + text] mean over the heads.
  std::vector<double> mean() const {
    std::vector<double> out(static_cast<std::size_t>(weights.cols()));
    for (index_t h = 0; h < weights.rows(); ++h)
      for (index_t k = 0; k < weights.cols(); ++k) out[static_cast<std::size_t>(k)] += weights(h, k);
    for (double& w : out) w /= static_cast<double>(weights.rows());
    return out;
  }

  AttentionMass mass(const TokenLayout& layout) const {
    if (!looks()) return {};
    const std::vector<double> w = mean();
    auto next = w.begin();
    const auto take = [&](Segment s) {
      double sum = 0.0;
      for (const auto end = next + segment_rows(layout, s); next != end; ++next) sum += *next;
      return sum;
    };
    AttentionMass m;
    m.vision = take(Segment::vision);
    m.proxies = take(Segment::proxy);
    m.newlines = take(Segment::newline);
    m.text = take(Segment::text);
    return m;
  }
};

namespace detail {

/// A decoder's layer as attention needs it: which queries and keys there are, and who sees whom.
class LayerView {
 public:
  LayerView(const TokenLayout& layout, const LayerStates& states, bool proxy_layer)
      : layout_(layout), states_(states), proxy_layer_(proxy_layer && layout.proxies() > 0) {}

  bool proxy_layer() const { return proxy_layer_; }
  bool has_query(Token t) const {
    return t.segment == Segment::proxy ? proxy_layer_ : t.segment != Segment::vision || !proxy_layer_;
  }
  const float* state(Token t) const {
    if (t.segment == Segment::vision) return states_.vision.row(t.index);
    if (t.segment == Segment::proxy) return states_.proxies.row(t.index);
    return states_.rest.row(t.index + (t.segment == Segment::text ? layout_.newlines() : 0));
  }
  std::int32_t position(Token t) const {
    if (t.segment == Segment::vision) return layout_.positions()[t.index];
    return layout_.focus_positions()[focus(t)];
  }
  /// key counts [vision | proxy | newline | text].
  bool sees(Token query, index_t key) const {
    if (proxy_layer_) return layout_.proxy_layer_sees(focus(query), key);
    const index_t proxies = layout_.proxies(), vision = layout_.vision();
    if (key >= vision && key < vision + proxies) return false;
    return layout_.sees(packed(query), key < vision ? key : key - proxies);
  }

 private:
  index_t packed(Token t) const {
    return t.index + (t.segment == Segment::vision ? 0 : layout_.vision()) +
           (t.segment == Segment::text ? layout_.newlines() : 0);
  }
  index_t focus(Token t) const {
    return t.index + (t.segment == Segment::proxy ? 0 : layout_.proxies()) +
           (t.segment == Segment::text ? layout_.newlines() : 0);
  }

  const TokenLayout& layout_;
  const LayerStates& states_;
  bool proxy_layer_;
};

/// states [n, hidden] on the host -> queries [n, query_width], keys [n, kv_width] of a layer, rotated, on the
/// host. Either may be empty and is then not made.
template <class B, class E>
void project(E& be, const DecoderBlock<B>& block, const Rotary& rotary, View<const float> states,
             Span<const std::int32_t> positions, View<float> queries, View<float> keys) {
  const index_t n = states.rows();
  const Heads& heads = block.attention.heads();
  auto frame = be.frame();
  auto x = frame.matrix(n, states.cols());
  auto at = frame.template span<std::int32_t>(n);
  auto table = frame.template matrix<float>(n, rotary.head_dim);
  be.upload(states, x);
  be.upload(positions, at);
  be.rotary_table(at, rotary, table);
  block.input_norm(be, x, x);
  if (!queries.empty()) {
    auto q = frame.matrix(n, heads.query_width());
    block.attention.queries(be, x, table, q);
    be.download(q, queries);
  }
  if (!keys.empty()) {
    auto k = frame.matrix(n, heads.kv_width()), v = frame.matrix(n, heads.kv_width());
    block.attention.keys_values(be, x, table, k, v);
    be.download(k, keys);
  }
  be.sync();
}

/// Keys of a layer [vision | proxy | newline | text] on the host: from the cache, the proxies' made again.
template <class B, class E>
Matrix<float> keys_of(E& be, const DecoderBlock<B>& block, const Rotary& rotary, const TokenLayout& layout,
                      const LayerStates& states, const KvCache<B>& cache, index_t layer, bool with_proxies) {
  const index_t v = layout.vision(), p = layout.proxies(), rest = layout.rows() - v;
  Matrix<float> keys(v + p + rest, cache.width());
  if (v > 0) be.download(In<B>(cache.keys(layer, 0, v)), keys.view().row_range(0, v));
  be.download(In<B>(cache.keys(layer, v, rest)), keys.view().row_range(v + p, rest));
  if (with_proxies)
    project<B>(be, block, rotary, states.proxies.view(), layout.focus_positions().first(p), {},
               keys.view().row_range(v, p));
  be.sync();
  return keys;
}

/// softmax(q k / sqrt(dim)) over the keys that the token sees.
inline Matrix<double> weights_of(const LayerView& layer, Token token, const float* query,
                                 const Matrix<float>& keys, const Heads& heads) {
  Matrix<double> out(heads.query, keys.rows());
  const double scale = 1.0 / std::sqrt(static_cast<double>(heads.dim));
  const index_t group = heads.query / heads.kv;
  for (index_t h = 0; h < heads.query; ++h) {
    double* w = out.row(h);
    double top = -std::numeric_limits<double>::infinity(), sum = 0.0;
    for (index_t k = 0; k < keys.rows(); ++k) {
      if (!layer.sees(token, k)) continue;
      const float* key = keys.row(k) + h / group * heads.dim;
      double dot = 0.0;
      for (index_t d = 0; d < heads.dim; ++d) dot += double{query[h * heads.dim + d]} * double{key[d]};
      w[k] = dot * scale;
      top = std::max(top, w[k]);
    }
    for (index_t k = 0; k < keys.rows(); ++k) {
      w[k] = layer.sees(token, k) ? std::exp(w[k] - top) : 0.0;
      sum += w[k];
    }
    for (index_t k = 0; k < keys.rows(); ++k) w[k] /= sum;
  }
  return out;
}

}  // namespace detail

/// What the given tokens look at in layer `layer`, one AttentionRow each.
///
/// layout, states, cache: of one prefill by `model`, states.before(layer) complete and the cache not
/// truncated. Queries and the proxies' keys are projected again on the engine from the states; the other keys
/// are the cache's own; the softmax runs on the host in double. Only the chosen rows' weights ever exist. The
/// model is made of plain and ProxyV layers. In the last layer of a prefill without all_rows proxies do not
/// run: the answer is then what they would look at.
/// Throws ArgumentError for a token or layer that is not there, ShapeError for states or a cache of another
/// prompt, WorkspaceError. Cost: the keys' way to the host, and 2 * heads * dim FLOPs per key and token.
template <class Model, class E, class B = typename Model::backend>
  requires SameTensorsAs<E, B> std::vector<AttentionRow> attention(E& be, const Model& model,
                                                                   const TokenLayout& layout,
                                                                   const States<E>& states,
                                                                   const KvCache<B>& cache, index_t layer,
                                                                   Span<const Token> tokens) {
    const auto& cfg = model.config();
    const DecoderBlock<B>& block = model.block(layer);
    const LayerStates& before = states.before(layer);
    const detail::LayerView view(layout, before, Model::uses_proxies && layer >= cfg.proxy_start);
    PROXYV_CHECK(before.vision.rows() == layout.vision() &&
                     before.rest.rows() == layout.rows() - layout.vision() &&
                     (!view.proxy_layer() || before.proxies.rows() == layout.proxies()),
                 ShapeError, "look::attention: the states before layer ", layer, " are not of this prompt");
    PROXYV_CHECK(cache.length() >= layout.rows() && cache.layers() == cfg.layers, ShapeError,
                 "look::attention: the cache holds ", cache.length(), " rows of ", cache.layers(),
                 " layers, wanted ", layout.rows(), " of ", index_t{cfg.layers});
    std::vector<Token> looking;
    bool from_proxy = false;
    for (const Token t : tokens) {
      PROXYV_CHECK(t.index >= 0 && t.index < segment_rows(layout, t.segment), ArgumentError,
                   "look::attention: token ", t.index, " of ", segment_rows(layout, t.segment), " ",
                   segment_names[static_cast<std::size_t>(t.segment)]);
      if (!view.has_query(t)) continue;
      looking.push_back(t);
      from_proxy = from_proxy || t.segment == Segment::proxy;
    }
    std::vector<AttentionRow> out(static_cast<std::size_t>(tokens.size()));
    if (looking.empty()) return out;

    const auto n = static_cast<index_t>(looking.size());
    const Heads& heads = block.attention.heads();
    Matrix<float> x(n, cfg.hidden), queries(n, heads.query_width());
    std::vector<std::int32_t> positions;
    for (index_t i = 0; i < n; ++i) {
      std::copy_n(view.state(looking[static_cast<std::size_t>(i)]), x.cols(), x.row(i));
      positions.push_back(view.position(looking[static_cast<std::size_t>(i)]));
    }
    detail::project<B>(be, block, model.rotary(), x.view(), {positions.data(), n}, queries.view(), {});
    const Matrix<float> keys =
        detail::keys_of<B>(be, block, model.rotary(), layout, before, cache, layer, from_proxy);
    index_t i = 0;
    for (std::size_t t = 0; t < out.size(); ++t) {
      const Token token = tokens[static_cast<index_t>(t)];
      if (view.has_query(token))
        out[t].weights = detail::weights_of(view, token, queries.row(i++), keys, heads);
    }
    return out;
  }

/// The mass per layer and token: [layer][token].
template <class Model, class E, class B = typename Model::backend>
  requires SameTensorsAs<E, B> std::vector<std::vector<AttentionMass>> attention_masses(
      E& be, const Model& model, const TokenLayout& layout, const States<E>& states, const KvCache<B>& cache,
      Span<const Token> tokens) {
    std::vector<std::vector<AttentionMass>> out;
    for (index_t layer = 0; layer < model.config().layers; ++layer) {
      out.emplace_back();
      for (const auto& row : attention(be, model, layout, states, cache, layer, tokens))
        out.back().push_back(row.mass(layout));
    }
    return out;
  }

}  // namespace look
}  // namespace proxyv::inline v0
