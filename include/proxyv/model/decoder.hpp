// Decoder: embeddings, stacks of layers, and the head, composed at compile time over an engine.
//
//   template <class B> using Vicuna = Decoder<B, VicunaProxy,
//       Stack<12, DecoderLayer>, ProxyStack<20, BilinearPool, VisionUpdate>>;
//
// A decoder is const after construction and may be shared by threads, each with its own engine and
// cache. Nothing here allocates after construction but the plain form's mask.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "proxyv/backend/plan.hpp"
#include "proxyv/layers/embedding.hpp"
#include "proxyv/layers/lm_head.hpp"
#include "proxyv/layers/shape_check.hpp"
#include "proxyv/model/stack.hpp"
#include "proxyv/model/step_state.hpp"
#include "proxyv/proxy/token_layout.hpp"

namespace proxyv::inline v0 {

/// A packed prompt with its features. All memory stays the caller's.
template <class B>
struct Prompt {
  const TokenLayout& layout;
  In<B> vision{};  ///< [layout.own_vision(), hidden] projected image features, crop after crop
  In<B> text{};    ///< [layout.own_text(), hidden] the caller's own embeddings; empty: looked up from the ids
};

/// How a prompt is run.
struct PrefillOptions {
  Savings savings{};
  bool all_rows = false;  ///< carry every row through the last layer, for hooks that want full hidden states
  /// Models that drop tokens: the packed newline or text rows that rank them; by default the one whose logits are wanted.
  Span<const index_t> ranked_by{};
};

namespace detail {

/// Tells an object that was moved from.
struct Alive {
  bool yes = true;

  Alive() = default;
  Alive(Alive&& other) noexcept : yes(std::exchange(other.yes, false)) {}
  Alive& operator=(Alive&& other) noexcept {
    yes = std::exchange(other.yes, false);
    return *this;
  }
  ~Alive() = default;
};

/// Zeros into rows, from a small block of the host's.
template <class E, class Rows>
void fill_with_zeros(E& be, const Rows& rows) {
  static constexpr float zeros[1024] = {};
  for (index_t i = 0; i < rows.rows(); ++i)
    for (index_t j = 0; j < rows.cols(); j += 1024) {
      const index_t n = std::min<index_t>(1024, rows.cols() - j);
      be.upload(View<const float>(zeros, 1, n), rows.row_range(i, 1).col_range(j, n));
    }
}

template <class Cfg, class... Stacks>
struct Composition {
  static constexpr index_t stacks = sizeof...(Stacks);
  static constexpr bool any_dyn = ((Stacks::count == dyn) || ...);
  static constexpr index_t total = ((Stacks::count == dyn ? 0 : Stacks::count) + ...);
  static constexpr index_t proxy_stacks = ((Stacks::uses_proxies ? 1 : 0) + ...);
  /// Whether a stack has weights that are numbered from Cfg::proxy_start; those that do not say have none.
  template <class S>
  static constexpr bool from_start() {
    if constexpr (requires { S::from_start; }) return S::from_start;
    return false;
  }
  static constexpr index_t from_start_stacks = ((from_start<Stacks>() ? 1 : 0) + ...);
  static constexpr bool last_from_start = from_start<std::tuple_element_t<stacks - 1, std::tuple<Stacks...>>>();
  static constexpr bool last_uses_proxies = std::tuple_element_t<stacks - 1, std::tuple<Stacks...>>::uses_proxies;
  static constexpr index_t last_count = std::tuple_element_t<stacks - 1, std::tuple<Stacks...>>::count;

  template <class S>
  static constexpr bool drops() {
    if constexpr (requires { S::drops_tokens; }) return S::drops_tokens;
    return false;
  }
  static constexpr index_t drop_stacks = ((drops<Stacks>() ? 1 : 0) + ...);
  static constexpr bool drops_tokens = drop_stacks > 0;

  /// Whether the proxies, if any, can be made from tokens that are no raster.
  template <class B>
  static constexpr bool proxies_fit_reduced_tokens() {
    using Last = std::tuple_element_t<stacks - 1, std::tuple<Stacks...>>;
    if constexpr (last_uses_proxies && requires { Last::template Of<B, Cfg>::is_learned; }) return Last::template Of<B, Cfg>::is_learned;
    return true;
  }
  static constexpr bool zips() {
    if constexpr (StaticConfig<Cfg> && requires { Cfg::reduction; }) return Cfg::reduction.zip.on();
    return false;
  }

  static constexpr bool counts_fit() {
    if constexpr (StaticConfig<Cfg> && !any_dyn) return total == index_t{Cfg::layers};
    return true;
  }
  static constexpr bool start_fits() {
    if constexpr (StaticConfig<Cfg> && !any_dyn && last_from_start) return last_count == 0 || total - last_count == index_t{Cfg::proxy_start};
    return true;
  }
};

}  // namespace detail

template <class B, DecoderConfig Cfg, class... Stacks>
class Decoder {
  using Rules = detail::Composition<Cfg, Stacks...>;
  static_assert(sizeof...(Stacks) > 0, "proxyv: Decoder: name at least one Stack");
  static_assert(Rules::proxy_stacks <= 1 && (Rules::proxy_stacks == 0 || Rules::last_uses_proxies),
                "proxyv: Decoder: a ProxyStack must be the last stack, and the only one: proxies are made once and go on to the last layer");
  static_assert(Rules::from_start_stacks <= 1 && (Rules::from_start_stacks == 0 || Rules::last_from_start),
                "proxyv: Decoder: layers with a light MLP must be the last stack, and no ProxyStack beside them: the weights of both are "
                "numbered from Cfg::proxy_start to the last layer");
  static_assert(Rules::counts_fit(), "proxyv: Decoder: the stacks' layer counts must add up to Cfg::layers");
  static_assert(Rules::start_fits() || !Rules::last_uses_proxies, "proxyv: Decoder: the ProxyStack must begin at layer Cfg::proxy_start");
  static_assert(Rules::start_fits() || Rules::last_uses_proxies, "proxyv: Decoder: the stack with a light MLP must begin at layer Cfg::proxy_start");
  static_assert(Rules::drop_stacks <= 1, "proxyv: Decoder: one DropStack holds all drops of Cfg::reduction; name it once");
  static_assert(!(Rules::drops_tokens || Rules::zips()) || Rules::template proxies_fit_reduced_tokens<B>(),
                "proxyv: Decoder: spatial proxies (BilinearPool) stand for blocks of a whole crop, and dropping or merging vision tokens before "
                "them leaves no whole crop; use learned proxies (LearnedPool, SplatUpdate), or drop nothing");
  static_assert(!Rules::any_dyn || sizeof...(Stacks) <= 2,
                "proxyv: Decoder: with proxyv::dyn counts write Stack<dyn, ...> alone or followed by one ProxyStack<dyn, ...> or one study's Stack<dyn, ...>");

 public:
  using backend = B;
  using config_type = Cfg;
  static constexpr bool uses_proxies = Rules::proxy_stacks == 1;
  static constexpr bool drops_tokens = Rules::drops_tokens;

  /// Takes windows into weights; `owner` keeps their memory alive. Folds the vision updates on `be`.
  /// Throws ArgumentError for an impossible configuration, ShapeError for weights that do not fit it.
  template <class E>
    requires SameTensorsAs<E, B>
  Decoder(E& be, const Cfg& cfg, const DecoderWeights<B>& w, std::shared_ptr<const void> owner = nullptr)
      : Decoder(be, cfg, checked(cfg, w), std::move(owner), Fits{}) {}

  /// A decoder that was moved from can be assigned to or destroyed; anything else throws ArgumentError.
  Decoder(Decoder&&) = default;
  Decoder& operator=(Decoder&&) = default;

  /// Forgets the weights that only the plain form of the vision updates reads, so that their owner may give
  /// the memory back. A prompt with Savings::folded_update off then throws ArgumentError.
  void drop_plain_updates() {
    const auto drop = [](auto& stack) {
      if constexpr (requires { stack.drop_plain_updates(); }) stack.drop_plain_updates();
    };
    std::apply([&](auto&... stack) { (drop(stack), ...); }, stacks_);
  }

  const Cfg& config() const { return cfg_; }
  const LmHead<B>& head() const { return head_; }
  const Embedding<B>& embedding() const { return embedding_; }
  Rotary rotary() const { return rotary_of(cfg_); }

  /// The norms, projections and FFN of a layer, for looking into it.
  const DecoderBlock<B>& block(index_t layer) const {
    check_alive();
    const DecoderBlock<B>* found = nullptr;
    std::apply([&](const auto&... stack) { ((found = found != nullptr ? found : stack.block(layer)), ...); }, stacks_);
    PROXYV_CHECK(found != nullptr, ArgumentError, "Decoder: block ", layer, " of ", index_t{cfg_.layers});
    return *found;
  }
  /// What makes the proxies.
  const auto& pool() const
    requires uses_proxies
  {
    return std::get<sizeof...(Stacks) - 1>(stacks_).pool();
  }

  /// How this model wants a prompt packed. max_length caps vision + text tokens, 0 = no cap.
  CropShape crop_shape(index_t max_length = 0) const {
    return {tokens_per_crop(cfg_), makes_proxies() ? proxies_per_crop(cfg_) : 0, max_length};
  }
  /// How it wants a video packed whose frames have side x side tokens each, in place of a picture's crops. Any side that
  /// the reduction divides will do; learned proxies know only the side they were trained with.
  /// Throws ArgumentError for another.
  CropShape frame_shape(index_t side, index_t max_length = 0) const {
    CropShape shape = crop_shape(max_length);
    PROXYV_CHECK(side > 0 && side <= 4096 && takes_side(side), ArgumentError, "frame_shape: frames of side ", side, ", wanted ",
                 learned_here() ? "" : "a multiple of ", learned_here() ? index_t{cfg_.crop_side} : makes_proxies() ? index_t{cfg_.proxy_factor} : 1,
                 learned_here() ? "" : " up to 4096");
    shape.tokens = side * side;
    if (shape.proxies > 0) shape.proxies = (side / cfg_.proxy_factor) * (side / cfg_.proxy_factor);
    return shape;
  }
  /// The layers with which runs of layers of equally many cache rows begin; what StepState::set wants.
  Span<const index_t> stage_layers() const { return {stage_layers_.data(), stages_count()}; }
  index_t stages_count() const { return drops_tokens ? 1 + reduction_of(cfg_).drops.count : 1; }
  CacheShape cache_shape(index_t capacity) const { return {cfg_.layers, capacity, cfg_.kv_heads * cfg_.head_dim}; }

  /// Runs a whole prompt: fills the cache, writes the logits that choose the next token.
  /// cache must be empty; logits [1, vocab] out.  hook(LayerEvent<B>) sees the stream after each layer.
  /// Throws before anything is computed: ShapeError or ArgumentError for a prompt that does not fit the
  /// model, CacheFullError, WorkspaceError.
  template <class E, class Hook = NoHook>
    requires SameTensorsAs<E, B>
  void prefill(E& be, const Prompt<B>& prompt, KvCache<B>& cache, Out<B> logits, const PrefillOptions& options = {}, Hook&& hook = {}) const {
    check_prompt(prompt, cache, logits);
    require_workspace<B>(be, "decoder", [&](auto& plan) {
      NoHook none;
      run_prompt(plan, prompt, cache, logits, options, none);
    });
    cache.clear();
    run_prompt(be, prompt, cache, logits, options, hook);
    cache.commit(prompt.layout.rows(), prompt.layout.next_position());
  }

  /// Runs tokens that follow what the cache holds; writes the logits after the last of them.
  /// ids [n] host; logits [1, vocab] out. Costs only the new tokens.
  template <class E>
    requires SameTensorsAs<E, B>
  void append(E& be, Span<const TokenId> ids, KvCache<B>& cache, Out<B> logits) const {
    check_append(ids.size(), cache, logits);
    embedding_.check(ids);
    append_rows(be, ids.size(), cache, logits, [&](auto& engine, Out<B> x) { embed_text(engine, ids, x); });
  }

  /// The same for the caller's own embeddings [n, hidden].
  template <class E>
    requires SameTensorsAs<E, B>
  void append(E& be, In<B> embeddings, KvCache<B>& cache, Out<B> logits) const {
    check_append(embeddings.rows(), cache, logits);
    PROXYV_CHECK(embeddings.cols() == cfg_.hidden, ShapeError, "append: embeddings of width ", embeddings.cols(), ", wanted ", index_t{cfg_.hidden});
    PROXYV_CHECK(embeddings.data() != nullptr, ArgumentError, "append: null embeddings");
    append_rows(be, embeddings.rows(), cache, logits, [&](auto& engine, Out<B> x) { engine.copy(embeddings, x); });
  }

  /// One token each of several conversations: ids[i] follows what caches[i] holds, row i of logits chooses what
  /// follows it. Products run over all rows together, so that weights are read once.
  /// ids [n] host; caches [n], no two the same; logits [n, vocab] out.
  template <class E>
    requires SameTensorsAs<E, B>
  void append_each(E& be, Span<const TokenId> ids, Span<KvCache<B>* const> caches, Out<B> logits) const {
    check_append_each(ids, caches, logits);
    require_workspace<B>(be, "decoder", [&](auto& plan) { run_append_each(plan, ids, caches, logits); });
    run_append_each(be, ids, caches, logits);
    for (KvCache<B>* cache : caches) cache->commit(1, cache->next_position() + 1);
  }

  /// One token, all of whose numbers lie in the engine's memory: feeds state.token(), writes the logits after
  /// it, chooses the next token into state.token() and moves the counters on. Made to be recorded once and
  /// replayed; the caller has made sure that the cache has room, and commits one row per step to it.
  /// cache: the one whose length was state.row() when the state was set; logits [1, vocab] out.
  template <class E>
    requires StepOps<E> && SameTensorsAs<E, B>
  void step(E& be, const StepState<B>& state, KvCache<B>& cache, Out<B> logits, const Sampling& sampling) const {
    check_append(1, cache, logits);
    require_workspace<B>(be, "decoder", [&](auto& plan) { run_step(plan, state, cache, logits, sampling); });
    run_step(be, state, cache, logits, sampling);
  }

  /// What a prefill of this layout costs, workspace included. Computes nothing, needs no weights' memory.
  Cost plan_prefill(const TokenLayout& layout, const PrefillOptions& options = {}) const {
    check_layout(layout);
    PlanBackend<B> plan;
    KvCache<B> cache(plan, cache_shape(layout.rows()));
    NoHook none;
    run_prompt(plan, Prompt<B>{layout, {nullptr, layout.own_vision(), cfg_.hidden}, {}}, cache, {nullptr, 1, cfg_.vocab}, options, none);
    return plan.cost();
  }

  /// What `tokens` more tokens cost after `past` cached ones.
  Cost plan_append(index_t past, index_t tokens = 1) const {
    check_alive();
    PROXYV_CHECK(past >= 0 && tokens > 0 && past <= last_position() - tokens, ArgumentError, "plan_append: ", tokens, " tokens after ", past);
    PlanBackend<B> plan;
    KvCache<B> cache(plan, cache_shape(past + tokens));
    cache.commit(past, past);
    run_append(plan, tokens, cache, {nullptr, 1, cfg_.vocab}, [&](auto& engine, Out<B> x) { engine.copy(x, x); });
    return plan.cost();
  }

  /// What one more token for each of `rows` conversations of `past` cached rows costs.
  Cost plan_append_each(index_t rows, index_t past) const {
    check_alive();
    PROXYV_CHECK(rows > 0 && rows <= max_rows && past >= 0 && past < last_position(), ArgumentError, "plan_append_each: ", rows, " rows after ", past);
    PlanBackend<B> plan;
    KvCache<B> cache(plan, cache_shape(past + 1));
    cache.commit(past, past);
    const std::vector<KvCache<B>*> caches(static_cast<std::size_t>(rows), &cache);
    const std::vector<TokenId> ids(static_cast<std::size_t>(rows));
    run_append_each(plan, {ids.data(), rows}, {caches.data(), rows}, {nullptr, rows, cfg_.vocab});
    return plan.cost();
  }
  /// The most conversations that append_each takes at once.
  static constexpr index_t max_rows = 1024;

 private:
  struct Fits {};

  template <class E>
  Decoder(E& be, const Cfg& cfg, const DecoderWeights<B>& w, std::shared_ptr<const void> owner, Fits)
      : cfg_(cfg),
        owner_(std::move(owner)),
        embedding_(w.embed),
        newline_(w.newline),
        stage_layers_(stages_of(cfg)),
        stacks_(make_stacks(be, cfg, w, std::index_sequence_for<Stacks...>{})),
        head_(RmsNorm<B>(w.norm, cfg.norm_eps), w.lm_head) {}

  /// The weights, complete and of the shapes that the configuration, itself possible, says.
  static DecoderWeights<B> checked(const Cfg& cfg, DecoderWeights<B> w) {
    check_config(cfg);
    const DropSchedule drops = reduction_of(cfg).drops;
    PROXYV_CHECK(drops_tokens || !drops.on(), ArgumentError, "Decoder: the configuration drops vision tokens, but no stack is a DropStack");
    if (uses_proxies && cfg.proxy_start < cfg.layers) check_proxies_of_reduced(cfg);
    auto c = RuntimeConfig::from(cfg);
    if (!Rules::last_from_start) c.proxy_start = c.layers;  // updates that a plain decoder never reads
    for_each_tensor<B>(c, w, !w.newline.empty(), ShapeCheck<B>{});
    return w;
  }

  /// Whether proxies can be made of what a reduction leaves.
  static void check_proxies_of_reduced(const Cfg& cfg) {
    const Reduction reduction = reduction_of(cfg);
    const DropSchedule& drops = reduction.drops;
    PROXYV_CHECK(!reduction.on() || cfg.learned_proxies, ArgumentError,
                 "Decoder: spatial proxies stand for blocks of a whole crop, and a vision reduction leaves no whole crop; wanted learned proxies");
    PROXYV_CHECK(!reduction.on() || !detail::blockwise_update_of(cfg), ArgumentError,
                 "Decoder: a blockwise update moves the blocks of a whole crop, and a vision reduction leaves no whole crop");
    PROXYV_CHECK(!reduction.zip.on() || reduction.zip.layout == ZipLayout::crop_major, ArgumentError,
                 "Decoder: proxies are made crop by crop, and VisionZip's stitched layout has no crops; wanted crop_major");
    if (!drops.on()) return;
    PROXYV_CHECK(drops.per_crop && drops.rule != DropRule::fast_v_mask, ArgumentError,
                 "Decoder: learned proxies want equally many tokens in every crop; tokens dropped before them must be ranked per crop");
    const index_t left = drops.keep[static_cast<std::size_t>(drops.count - 1)].of(tokens_per_crop(cfg));
    PROXYV_CHECK(left >= proxies_per_crop(cfg), ArgumentError, "Decoder: ", left, " tokens of a crop are left for ", proxies_per_crop(cfg),
                 " proxies, wanted no fewer tokens than proxies");
  }

  static std::array<index_t, StepState<B>::max_stages> stages_of(const Cfg& cfg) {
    std::array<index_t, StepState<B>::max_stages> first{};
    const DropSchedule drops = reduction_of(cfg).drops;
    for (index_t i = 0; i < drops.count; ++i) first[static_cast<std::size_t>(i + 1)] = drops.layers[static_cast<std::size_t>(i)];
    return first;
  }

  static index_t layers_of(const Cfg& cfg, index_t stack, index_t static_count) {
    if (static_count != dyn) return static_count;
    if (sizeof...(Stacks) == 1) return cfg.layers;
    return stack == 0 ? index_t{cfg.proxy_start} : cfg.layers - cfg.proxy_start;
  }

  template <class E, std::size_t... I>
  static auto make_stacks(E& be, const Cfg& cfg, const DecoderWeights<B>& w, std::index_sequence<I...>) {
    index_t first = 0;
    const auto make = [&]<class S>(std::type_identity<S>, index_t stack) {
      const index_t count = layers_of(cfg, stack, S::count);
      PROXYV_CHECK(count >= 0 && first + count <= static_cast<index_t>(w.layers.size()), ArgumentError, "Decoder: the stacks name more than the ",
                   index_t{cfg.layers}, " layers of the configuration");
      typename S::template Of<B, Cfg> made(be, cfg, w, first, count);
      first += count;
      return made;
    };
    // Braces fix the order of evaluation: first stack first.
    std::tuple<typename Stacks::template Of<B, Cfg>...> stacks{make(std::type_identity<Stacks>{}, static_cast<index_t>(I))...};
    PROXYV_CHECK(first == cfg.layers, ArgumentError, "Decoder: the stacks' layer counts add up to ", first, ", the configuration has ",
                 index_t{cfg.layers}, " layers");
    return stacks;
  }

  index_t last_position() const { return detail::position_limit(cfg_); }

  void check_alive() const { PROXYV_CHECK(alive_.yes, ArgumentError, "Decoder: used after it was moved from"); }

  bool makes_proxies() const { return uses_proxies && cfg_.proxy_start < cfg_.layers; }
  bool learned_here() const { return makes_proxies() && cfg_.learned_proxies; }
  bool takes_side(index_t side) const {
    return !makes_proxies() || (learned_here() ? side == cfg_.crop_side : side % cfg_.proxy_factor == 0);
  }
  static index_t side_of(const CropShape& shape) {
    index_t side = 0;
    while (side < 4096 && side * side < shape.tokens) ++side;
    return side;
  }
  /// The shape of frames with as many tokens as `found` where the model takes them, else that of its crops.
  CropShape frame_shape_like(const CropShape& found) const {
    const index_t side = side_of(found);
    return side > 0 && side * side == found.tokens && takes_side(side) ? frame_shape(side) : crop_shape();
  }

  void check_layout(const TokenLayout& layout) const {
    check_alive();
    const CropShape wanted = layout.videos() ? frame_shape_like(layout.crop_shape()) : crop_shape();
    PROXYV_CHECK(layout.rows() > 0, ArgumentError, "prefill: the layout is empty");
    PROXYV_CHECK(layout.next_position() <= last_position(), ArgumentError, "prefill: a prompt of ", layout.next_position(),
                 " positions, the rotary embedding was made for ", last_position());
    PROXYV_CHECK(!reduction_of(cfg_).drops.on() || !drops_tokens || !layout.hides_rows(), ArgumentError,
                 "prefill: a padded row, and the model drops vision tokens; give it the row as it is");
    const bool own = layout.own_sizes();
    PROXYV_CHECK(!own || wanted.proxies == 0, ArgumentError, "prefill: an image that is no run of crops; proxies are made crop by crop");
    PROXYV_CHECK(!own || !reduction_of(cfg_).drops.per_crop, ArgumentError, "prefill: an image that is no run of crops; the model drops tokens crop by crop");
    PROXYV_CHECK(layout.vision() == 0 || own || (layout.crop_shape().tokens == wanted.tokens && layout.crop_shape().proxies == wanted.proxies),
                 ShapeError, "prefill: the layout has ", layout.crop_shape().tokens, " tokens and ", layout.crop_shape().proxies,
                 " proxies per crop, the model wants ", wanted.tokens, " and ", wanted.proxies);
  }

  void check_prompt(const Prompt<B>& prompt, const KvCache<B>& cache, const Out<B>& logits) const {
    const TokenLayout& layout = prompt.layout;
    check_layout(layout);
    PROXYV_CHECK(cache.length() == 0, ArgumentError, "prefill: the cache holds ", cache.length(), " rows; a prompt starts an empty one");
    const index_t vision = layout.own_vision();
    PROXYV_CHECK(prompt.vision.rows() == vision && (vision == 0 || prompt.vision.cols() == cfg_.hidden), ShapeError, "prefill: image features ",
                 shape_text(prompt.vision.rows(), prompt.vision.cols()), ", wanted ", shape_text(vision, cfg_.hidden));
    PROXYV_CHECK(vision == 0 || prompt.vision.data() != nullptr, ArgumentError, "prefill: null image features");
    PROXYV_CHECK(layout.newlines() == 0 || newline_.size() == cfg_.hidden, ArgumentError, "prefill: a prompt with images, but the model has no model.image_newline");
    if (prompt.text.empty()) {
      embedding_.check(layout.text_ids());
    } else {
      PROXYV_CHECK(prompt.text.rows() == layout.own_text() && prompt.text.cols() == cfg_.hidden, ShapeError, "prefill: text embeddings ",
                   shape_text(prompt.text.rows(), prompt.text.cols()), ", wanted ", shape_text(layout.own_text(), cfg_.hidden));
      PROXYV_CHECK(prompt.text.data() != nullptr, ArgumentError, "prefill: null text embeddings");
    }
    check_cache(cache, layout.rows(), logits);
  }

  void check_append(index_t tokens, const KvCache<B>& cache, const Out<B>& logits) const {
    check_alive();
    PROXYV_CHECK(tokens > 0, ArgumentError, "append: no tokens");
    check_continues();
    PROXYV_CHECK(cache.next_position() <= last_position() - tokens, ArgumentError, "append: ", tokens, " tokens from position ",
                 cache.next_position(), " on, wanted positions below ", last_position());
    check_cache(cache, tokens, logits);
  }

  void check_continues() const {
    PROXYV_CHECK(!drops_tokens || reduction_of(cfg_).drops.rule != DropRule::fast_v_mask, ArgumentError,
                 "append: the mask form of FastV ranks anew for every token and has no cached continuation; run the longer prompt again");
  }

  void check_append_each(Span<const TokenId> ids, Span<KvCache<B>* const> caches, const Out<B>& logits) const {
    check_continues();
    const index_t n = ids.size();
    PROXYV_CHECK(n > 0 && n <= max_rows && caches.size() == n, ArgumentError, "append_each: ", n, " tokens for ", caches.size(), " caches, wanted 1..",
                 max_rows, " of both");
    PROXYV_CHECK(logits.rows() == n && logits.cols() == cfg_.vocab, ShapeError, "logits: ", shape_text(logits.rows(), logits.cols()), ", wanted ",
                 shape_text(n, cfg_.vocab));
    embedding_.check(ids);
    for (index_t i = 0; i < n; ++i) {
      PROXYV_CHECK(caches[i] != nullptr, ArgumentError, "append_each: row ", i, " has no cache");
      for (index_t j = 0; j < i; ++j) PROXYV_CHECK(caches[j] != caches[i], ArgumentError, "append_each: rows ", j, " and ", i, " share a cache");
      check_append(1, *caches[i], logits.row_range(i, 1));
    }
  }

  void check_cache(const KvCache<B>& cache, index_t rows, const Out<B>& logits) const {
    PROXYV_CHECK(cache.layers() == cfg_.layers && cache.width() == cfg_.kv_heads * cfg_.head_dim, ShapeError, "cache: ", cache.layers(),
                 " layers of width ", cache.width(), ", the model wants ", index_t{cfg_.layers}, " of ", cfg_.kv_heads * cfg_.head_dim);
    cache.require(rows);
    PROXYV_CHECK(logits.rows() == 1 && logits.cols() == cfg_.vocab, ShapeError, "logits: ", shape_text(logits.rows(), logits.cols()), ", wanted ",
                 shape_text(1, cfg_.vocab));
    PROXYV_CHECK(logits.data() != nullptr, ArgumentError, "logits: null memory");
    PROXYV_CHECK(embedding_.table().data() != nullptr, ArgumentError, "Decoder: the weights have shapes but no memory; they can only be planned with");
  }

  template <class E>
  void embed_text(E& be, Span<const TokenId> ids, Out<B> x) const {
    auto frame = be.frame();
    auto device_ids = frame.template span<std::int32_t>(ids.size());
    be.upload(ids, device_ids);
    embedding_(be, device_ids, x);
  }

  template <class E>
  void pack(E& be, const Prompt<B>& prompt, Out<B> x) const {
    const TokenLayout& layout = prompt.layout;
    const index_t text_row = layout.vision() + layout.newlines(), vision = layout.own_vision(), text = layout.own_text();
    if (vision > 0) be.copy(prompt.vision, x.row_range(0, vision));
    if (layout.hides_rows()) {
      detail::fill_with_zeros(be, x.row_range(vision, layout.vision() - vision));
      detail::fill_with_zeros(be, x.row_range(text_row + text, layout.text() - text));
    }
    for (index_t c = 0; c < layout.newlines(); ++c)
      be.copy(In<B>(newline_.data(), 1, cfg_.hidden), x.row_range(layout.vision() + c, 1));
    if (prompt.text.empty()) {
      embed_text(be, layout.text_ids(), x.row_range(text_row, text));
    } else {
      be.copy(prompt.text, x.row_range(text_row, text));
    }
  }

  template <class E, class Hook>
  void run_prompt(E& be, const Prompt<B>& prompt, KvCache<B>& cache, Out<B> logits, const PrefillOptions& options, Hook& hook) const {
    const TokenLayout& layout = prompt.layout;
    auto frame = be.frame();
    Stream<B> s = make_stream(be, frame, layout.rows(), cache, 0);
    s.vision = layout.vision();
    set_positions(be, frame, layout, s);
    pack(be, prompt, s.x);

    detail::PrefillFrame<B> f;
    f.layers = cfg_.layers;
    f.wanted = {layout.last_row(), 1};
    f.only_wanted = options.savings.dead_rows && !options.all_rows;
    f.rotary = rotary();
    f.grid = {.crops = layout.crops(),
              .side = layout.vision() > 0 && uses_proxies ? side_of(layout.crop_shape()) : index_t{cfg_.crop_side},
              .factor = cfg_.proxy_factor,
              .tokens = crop_tokens_of(cfg_),
              .proxies = crop_proxies_of(cfg_)};
    f.by_blocks = detail::blockwise_update_of(cfg_);
    f.layout = &layout;
    const index_t last = layout.last_row();
    f.ranked_by = options.ranked_by.empty() ? Span<const index_t>(&last, 1) : options.ranked_by;
    f.savings = options.savings;
    if constexpr (drops_tokens) {
      f.alive = frame.template span<std::int32_t>(layout.vision());
      f.hidden = frame.template span<std::int32_t>(layout.rows());
    }
    if (layout.proxies() > 0) enter_proxies(be, frame, layout, f);

    hook(LayerEvent<B>{-1, s.x.row_range(0, s.vision), s.x.row_range(s.vision, s.rows() - s.vision), {}, {}});
    std::apply([&](const auto&... stack) { (stack.prefill(be, s, f, hook), ...); }, stacks_);
    finish(be, s.x.row_range(f.wanted.begin, 1), logits);
  }

  template <class E>
  void enter_proxies(E& be, Frame<Elem<B>, SpaceOf<B>>& frame, const TokenLayout& layout, detail::PrefillFrame<B>& f) const {
    auto ids = frame.template span<std::int32_t>(layout.focus_positions().size());
    be.upload(layout.focus_positions(), ids);
    f.focus_positions = ids;
    if (layout.hides_rows()) {
      auto keys = frame.template span<std::int32_t>(ids.size());
      be.upload(layout.focus_key_positions(), keys);
      f.focus_key_positions = keys;
    }
    if (f.savings.split_attention) return;
    const index_t queries = ids.size(), keys = layout.vision() + queries;
    const std::vector<std::uint8_t> mask = layout.proxy_layer_mask();
    auto device_mask = frame.template matrix<std::uint8_t>(queries, keys);
    be.upload(View<const std::uint8_t>(mask.data(), queries, keys), device_mask);
    f.mask = device_mask;
  }

  template <class E, class Fill>
  void append_rows(E& be, index_t n, KvCache<B>& cache, Out<B> logits, Fill&& fill) const {
    require_workspace<B>(be, "decoder", [&](auto& plan) { run_append(plan, n, cache, logits, fill); });
    run_append(be, n, cache, logits, fill);
    cache.commit(n, cache.next_position() + n);
  }

  template <class E, class Fill>
  void run_append(E& be, index_t n, KvCache<B>& cache, Out<B> logits, Fill&& fill) const {
    auto frame = be.frame();
    Stream<B> s = make_stream(be, frame, n, cache, cache.length());
    set_consecutive_positions(be, cache.next_position(), s);
    fill(be, s.x);
    const RowRange wanted{n - 1, 1};
    std::apply([&](const auto&... stack) { (stack.append(be, s, cfg_.layers, wanted), ...); }, stacks_);
    finish(be, s.x.row_range(n - 1, 1), logits);
  }

  template <class E>
  void run_append_each(E& be, Span<const TokenId> ids, Span<KvCache<B>* const> caches, Out<B> logits) const {
    const index_t n = ids.size();
    auto frame = be.frame();
    auto numbers = frame.template span<std::int32_t>(n);
    RowsStream<B> s;
    s.x = frame.matrix(n, cfg_.hidden);
    auto rotary_table = frame.template matrix<float>(n, cfg_.head_dim);
    s.caches = caches;
    std::array<std::int32_t, max_rows> positions;
    for (index_t i = 0; i < n; ++i) positions[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(caches[i]->next_position());
    be.upload(Span<const std::int32_t>(positions.data(), n), numbers);
    be.rotary_table(numbers, rotary(), rotary_table);
    s.rotary = rotary_table;
    s.positions = numbers;
    s.rope = rotary();
    embed_text(be, ids, s.x);
    std::apply([&](const auto&... stack) { (stack.append_each(be, s), ...); }, stacks_);
    auto normed = frame.matrix(n, cfg_.hidden);
    head_(be, s.x, normed, logits);
  }

  template <class E>
  void run_step(E& be, const StepState<B>& state, KvCache<B>& cache, Out<B> logits, const Sampling& sampling) const {
    {
      auto frame = be.frame();
      Stream<B> s = make_stream(be, frame, 1, cache, 0);
      s.positions = state.position();
      s.row = state.row();
      s.live = state.live();
      s.stages = state.stages();
      be.rotary_table(s.positions, rotary(), s.rotary);
      embedding_(be, state.token(), s.x);
      std::apply([&](const auto&... stack) { (stack.append(be, s, cfg_.layers, RowRange{0, 1}), ...); }, stacks_);
      finish(be, s.x, logits);
    }
    be.sample(logits, sampling, Ids<B>(state.step()), state.token());
    be.advance(state.counters());
  }

  template <class E>
  Stream<B> make_stream(E&, Frame<Elem<B>, SpaceOf<B>>& frame, index_t rows, KvCache<B>& cache, index_t past) const {
    Stream<B> s;
    s.x = frame.matrix(rows, cfg_.hidden);
    s.rotary = frame.template matrix<float>(rows, cfg_.head_dim);
    s.rope = rotary();
    s.cache = &cache;
    s.past = past;
    return s;
  }

  template <class E>
  void set_positions(E& be, Frame<Elem<B>, SpaceOf<B>>& frame, const TokenLayout& layout, Stream<B>& s) const {
    auto own = s.cache->positions(s.past, layout.rows());
    be.upload(layout.key_positions(), own);
    s.positions = own;
    if (layout.hides_rows()) {  // padding is nowhere as a key, but looks from somewhere
      auto queries = frame.template span<std::int32_t>(layout.rows());
      be.upload(layout.positions(), queries);
      s.positions = queries;
    }
    be.rotary_table(s.positions, rotary(), s.rotary);
  }

  template <class E>
  void set_consecutive_positions(E& be, index_t first, Stream<B>& s) const {
    upload_consecutive<B>(be, first, s.cache->positions(s.past, s.rows()));
    s.positions = s.cache->positions(s.past, s.rows());
    be.rotary_table(s.positions, rotary(), s.rotary);
  }

  template <class E>
  void finish(E& be, In<B> last, Out<B> logits) const {
    auto frame = be.frame();
    head_(be, last, frame.matrix(1, cfg_.hidden), logits);
  }

  detail::Alive alive_;
  [[no_unique_address]] Cfg cfg_;
  std::shared_ptr<const void> owner_;
  Embedding<B> embedding_;
  Vec<B> newline_;
  std::array<index_t, StepState<B>::max_stages> stage_layers_;
  std::tuple<typename Stacks::template Of<B, Cfg>...> stacks_;
  LmHead<B> head_;
};

}  // namespace proxyv::inline v0
