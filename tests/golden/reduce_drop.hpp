// Files of kind pyramid_drop and fast_v: a small decoder, its drops, its caches, and tokens that follow.
#pragma once

#include <cstring>
#include <map>

#include "golden/reduce_case.hpp"
#include "proxyv/model/session.hpp"
#include "proxyv/reduce/drop_stack.hpp"

namespace golden {

/// The file's decoder under checkpoint names. Its head gives the final norm's result as logits, and its embeddings
/// are the tokens that decoding feeds.
class DropSource {
 public:
  DropSource(const GoldenFile& file, index_t vocab, index_t width) : file_(file) {
    head_.resize(static_cast<std::size_t>(vocab * width));
    for (index_t i = 0; i < std::min(vocab, width); ++i) head_[static_cast<std::size_t>(i * width + i)] = 1.f;
    embed_ = file.floats("in.decode_x");
    embed_.resize(head_.size());
    shape_ = shape_of(vocab, width);
  }

  io::TensorEntry at(const std::string& name) const {
    if (name == "model.embed_tokens.weight") return entry("embed", embed_);
    if (name == "lm_head.weight") return entry("lm_head", head_);
    return file_.source().at("w." + name.substr(name.find('.') + 1));
  }

 private:
  io::TensorEntry entry(const char* name, const std::vector<float>& values) const {
    return {file_.source().path(), name, io::TensorType::f32, shape_, reinterpret_cast<const std::byte*>(values.data()), values.size() * sizeof(float)};
  }

  const GoldenFile& file_;
  std::vector<float> head_, embed_;
  Shape shape_;
};

/// A prompt of image tokens in one run between texts.
struct DropPrompt {
  index_t start = 0, image = 0, after = 0;

  index_t rows() const { return start + image + after; }
  TokenLayout layout(index_t more) const {
    std::vector<TokenId> ids(static_cast<std::size_t>(start), 0);
    ids.push_back(image_token);
    ids.resize(ids.size() + static_cast<std::size_t>(after + more), 0);
    const ImageSlot slot{.crops = 1, .tokens = image, .newlines = false};
    return {{ids.data(), static_cast<index_t>(ids.size())}, {&slot, 1}, CropShape{.tokens = 1}, {}};
  }
  /// The packed row of a row in reading order, and back.
  index_t packed(index_t row) const { return row < start ? image + row : row < start + image ? row - start : row; }
  index_t original(index_t packed) const { return packed < image ? start + packed : packed < image + start ? packed - image : packed; }
};

template <class B>
class DropRun {
  using Model = ReducedDecoder<B>;

 public:
  DropRun(ReduceCase<B>& c, const DropSchedule& drops)
      : case_(c),
        model_(c.config().require("model", "an object"), c.file().source().path(), "config.model."),
        prompt_{c.number("image_start"), c.number("n_image"), c.number("n_after")},
        steps_(c.file().shape("in.decode_x", 2)[0]),
        config_(read_config(drops)),
        source_(c.file(), config_.vocab, config_.hidden),
        decoder_(load_decoder<Model>(c.maker(), config_, source_, c.file().owner(), false)),
        x_(c.file().floats("in.x", shape_of(prompt_.rows(), config_.hidden))) {
    if (const io::JsonValue* rows = c.config().find("query_idx")) {
      const io::JsonPlace place = c.config().place("query_idx");
      if (rows->array() == nullptr) {
        ranked_by_.push_back(prompt_.packed(io::as_index(*rows, place, 0, prompt_.rows() - 1)));
      } else {
        for (const io::JsonValue& row : *rows->array()) ranked_by_.push_back(prompt_.packed(io::as_index(row, place, 0, prompt_.rows() - 1)));
      }
    }
  }

  const DropPrompt& prompt() const { return prompt_; }
  index_t steps() const { return steps_; }
  index_t hidden() const { return config_.hidden; }
  index_t layers() const { return config_.layers; }

  /// What a prefill leaves.
  struct Found {
    std::map<index_t, std::vector<float>> scores;            ///< by the number of layers before the drop
    std::map<index_t, std::vector<std::int64_t>> kept;       ///< image tokens as rows in reading order
    std::map<index_t, std::vector<std::int64_t>> positions;  ///< in reading order
    std::vector<std::int64_t> rows;                          ///< in reading order
    std::vector<float> states;                               ///< after the final norm, in reading order
    std::vector<float> last;                                 ///< logits: the last of them
    std::vector<std::int64_t> cache;                         ///< rows in each layer
    std::vector<float> decoded;
    std::vector<std::int64_t> decode_positions;
  };

  /// The prompt, with the first `more` decoding inputs behind it. decode: continue from the cache.
  Found run(index_t more, bool all_rows, bool decode) const {
    const TokenLayout layout = prompt_.layout(more);
    const index_t n = layout.rows(), d = hidden();
    std::vector<float> vision, text;
    for (index_t row = 0; row < prompt_.rows(); ++row)
      append(prompt_.packed(row) < prompt_.image ? vision : text, {x_.begin() + row * d, x_.begin() + (row + 1) * d});
    const std::vector<float> fed = case_.file().floats("in.decode_x", shape_of(steps_, d));
    text.insert(text.end(), fed.begin(), fed.begin() + more * d);
    PrefillOptions options{.savings = {}, .all_rows = all_rows, .ranked_by = {ranked_by_.data(), static_cast<index_t>(ranked_by_.size())}};

    B engine = make_engine<B>(case_.threads(), 2 * workspace_bytes(decoder_, layout, steps_, options) + (std::size_t{1} << 20));
    const Tensor<B> in(engine, rows_of(vision, prompt_.image, d)), words(engine, rows_of(text, n - prompt_.image, d)), logits(engine, 1, config_.vocab);
    KvCache<B> cache(engine, decoder_.cache_shape(n + steps_));
    Found found;
    std::vector<std::int64_t> alive;
    for (index_t i = 0; i < prompt_.image; ++i) alive.push_back(i);
    decoder_.prefill(engine, Prompt<B>{layout, in.view(), words.view()}, cache, logits.view(), options, Hook{*this, engine, found, alive});
    found.rows = reading_order(alive, n);
    found.last = row(engine, logits);
    for (index_t layer = 0; layer < layers(); ++layer) found.cache.push_back(cache.length(layer));
    if (decode) this->decode(engine, cache, logits, fed, found);
    return found;
  }

  /// A step that is recorded once and replayed, where the engine can; else the same ops one by one.
  std::vector<float> decode_by_steps(index_t n) const
    requires StepOps<B>
  {
    const TokenLayout layout = prompt_.layout(0);
    const index_t d = hidden();
    std::vector<float> vision, text, all;
    for (index_t row = 0; row < prompt_.rows(); ++row)
      append(prompt_.packed(row) < prompt_.image ? vision : text, {x_.begin() + row * d, x_.begin() + (row + 1) * d});
    const PrefillOptions options{.savings = {}, .all_rows = false, .ranked_by = {ranked_by_.data(), static_cast<index_t>(ranked_by_.size())}};
    B engine = make_engine<B>(case_.threads(), 2 * workspace_bytes(decoder_, layout, steps_, options) + (std::size_t{1} << 20));
    const Tensor<B> in(engine, rows_of(vision, prompt_.image, d)), words(engine, rows_of(text, layout.rows() - prompt_.image, d)),
        logits(engine, 1, config_.vocab);
    KvCache<B> cache(engine, decoder_.cache_shape(layout.rows() + n));
    decoder_.prefill(engine, Prompt<B>{layout, in.view(), words.view()}, cache, logits.view(), options);
    StepState<B> state(engine, decoder_.stages_count());
    const auto one_step = [&] { decoder_.step(engine, state, cache, logits.view(), {}); };
    const auto run = [&](auto&& replay) {
      for (index_t i = 0; i < n; ++i) {
        state.set(engine, static_cast<TokenId>(i), cache, decoder_.stage_layers(), 0);
        replay();
        cache.commit(1, cache.next_position() + 1);
        append(all, row(engine, logits));
      }
    };
    if constexpr (GraphOps<B>) {
      auto graph = engine.record(one_step);
      run([&] { engine.replay(graph); });
    } else {
      run(one_step);
    }
    return all;
  }

 private:
  struct Hook {
    const DropRun& run;
    B& engine;
    Found& found;
    std::vector<std::int64_t>& alive;

    void operator()(const DropEvent<B>& drop) const {
      alive = read_ids<B>(engine, drop.kept);
      found.kept[drop.layer] = run.originals(alive);
      found.positions[drop.layer] = run.in_reading_order(read_ids<B>(engine, drop.positions), static_cast<index_t>(alive.size()));
      if constexpr (std::same_as<Elem<B>, float>) found.scores[drop.layer] = read<B>(engine, drop.scores);
    }
    void operator()(const LayerEvent<B>& event) const {
      if (event.layer + 1 != run.layers()) return;
      const index_t n = event.vision.rows() + event.rest.rows(), d = run.hidden();
      std::vector<float> states = read<B>(engine, event.vision);
      append(states, read<B>(engine, event.rest));
      const Tensor<B> x(engine, rows_of(states, n, d)), normed(engine, n, d), logits(engine, n, run.config_.vocab);
      run.decoder_.head()(engine, x.view(), normed.view(), logits.view());
      const std::vector<float> all = read<B>(engine, logits.view().col_range(0, d));
      for (const index_t packed : run.packed_order(event.vision.rows(), n)) found.states.insert(found.states.end(), all.begin() + packed * d, all.begin() + (packed + 1) * d);
    }
  };

  RuntimeConfig read_config(const DropSchedule& drops) const {
    const auto size = [&](const char* key) { return model_.index(key, 1, index_t{1} << 20); };
    RuntimeConfig c;
    c.layers = c.proxy_start = size("layers");
    c.hidden = size("d");
    c.heads = size("heads");
    c.kv_heads = size("kv_heads");
    c.head_dim = size("head_dim");
    c.ffn = size("ff");
    c.vocab = std::max(c.hidden, steps_);
    c.norm_eps = case_.eps(model_);
    c.rope_theta = model_.number_or("theta", 10000.0, 1.0, 1e12);
    c.qkv_bias = case_.file().has("w.layers.0.self_attn.q_proj.bias");
    c.reduction.drops = drops;
    return c;
  }

  std::vector<float> row(B& engine, const Tensor<B>& logits) const { return read<B>(engine, logits.view().col_range(0, hidden())); }

  void decode(B& engine, KvCache<B>& cache, const Tensor<B>& logits, const std::vector<float>& fed, Found& found) const {
    const Tensor<B> in(engine, rows_of(fed, steps_, hidden()));
    for (index_t i = 0; i < steps_; ++i) {
      for (index_t layer = 0; layer < layers(); ++layer) found.decode_positions.push_back(cache.next_position(layer));
      decoder_.append(engine, In<B>(in.view().row_range(i, 1)), cache, logits.view());
      append(found.decoded, row(engine, logits));
    }
  }

  std::vector<std::int64_t> originals(const std::vector<std::int64_t>& packed) const {
    std::vector<std::int64_t> out;
    for (const std::int64_t row : packed) out.push_back(prompt_.original(row));
    return out;
  }
  /// Rows [vision | text before | text after] of which `vision` are left, in reading order.
  std::vector<index_t> packed_order(index_t vision, index_t rows) const {
    std::vector<index_t> out;
    const auto add = [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) out.push_back(i);
    };
    add(vision, vision + prompt_.start);
    add(0, vision);
    add(vision + prompt_.start, rows);
    return out;
  }
  std::vector<std::int64_t> in_reading_order(const std::vector<std::int64_t>& packed, index_t vision) const {
    std::vector<std::int64_t> out;
    const auto rows = static_cast<index_t>(packed.size()), left = rows > prompt_.rows() - prompt_.image + vision ? prompt_.image : vision;
    for (const index_t i : packed_order(left, rows)) out.push_back(packed[static_cast<std::size_t>(i)]);
    return out;
  }
  std::vector<std::int64_t> reading_order(const std::vector<std::int64_t>& alive, index_t n) const {
    std::vector<std::int64_t> out = originals(alive);
    for (index_t packed = prompt_.image; packed < n; ++packed) out.push_back(prompt_.original(packed));
    std::sort(out.begin(), out.end());
    return out;
  }

  ReduceCase<B>& case_;
  io::JsonFields model_;
  DropPrompt prompt_;
  index_t steps_;
  RuntimeConfig config_;
  DropSource source_;
  Model decoder_;
  std::vector<float> x_;
  std::vector<index_t> ranked_by_;
};

template <class B>
void check_pyramid_drop(ReduceCase<B>& c) {
  DropSchedule drops;
  drops.rule = DropRule::pyramid_drop;
  const auto list = [&](const char* key) -> const io::JsonArray& { return io::as_array(c.config().require(key, "an array"), c.config().place(key)); };
  for (const io::JsonValue& layer : list("layer_list")) {
    PROXYV_CHECK(drops.count < DropSchedule::most, LoadError, "layer_list: more drops than ", DropSchedule::most);
    drops.layers[static_cast<std::size_t>(drops.count++)] = io::as_index(layer, c.config().place("layer_list"), 1, 65536);
  }
  std::size_t stage = 0;
  for (const io::JsonValue& ratio : list("ratio_list")) drops.keep.at(stage++).ratio = io::as_double(ratio, c.config().place("ratio_list"), 0.0, 1.0);

  const DropRun<B> run(c, drops);
  const DropPrompt& prompt = run.prompt();
  const auto check = [&](const auto& found) {
    std::vector<std::int64_t> image, all;
    for (index_t i = 0; i < prompt.rows(); ++i) (i >= prompt.start && i < prompt.start + prompt.image ? image : all).push_back(i);
    all.insert(all.begin() + prompt.start, image.begin(), image.end());
    c.same("kept.0", image, shape_of(prompt.image));
    c.same("positions.0", all, shape_of(prompt.rows()));
    auto alive = prompt.image;
    for (index_t i = 0; i < drops.count; ++i) {
      const index_t layer = drops.layers[static_cast<std::size_t>(i)], kept = drops.keep[static_cast<std::size_t>(i)].of(prompt.image);
      const std::string n = std::to_string(i + 1);
      c.same("kept." + n, found.kept.at(layer), shape_of(kept));
      c.same("positions." + n, found.positions.at(layer), shape_of(prompt.rows() - prompt.image + kept));
      c.close("scores." + std::to_string(i), found.scores.at(layer), shape_of(alive));
      alive = kept;
    }
    const index_t left = prompt.rows() - prompt.image + alive;
    c.same("rows", found.rows, shape_of(left));
    c.same("cache_len", found.cache, shape_of(run.layers()));
    return left;
  };
  c.begin("all rows");
  const auto all = run.run(0, true, true);
  const index_t left = check(all), d = run.hidden();
  c.close("hidden", all.states, shape_of(left, d));
  c.close("decode_hidden", all.decoded, shape_of(run.steps(), d));
  c.same("decode_positions", all.decode_positions, shape_of(run.steps(), run.layers()));
  c.begin("only the answer");
  const auto answer = run.run(0, false, true);
  check(answer);
  c.close("decode_hidden", answer.decoded, shape_of(run.steps(), d));
  if constexpr (StepOps<B>) {
    c.begin("recorded step");
    c.close("decode_hidden", run.decode_by_steps(run.steps()), shape_of(run.steps(), d));
  }
}

template <class B>
void check_fast_v(ReduceCase<B>& c) {
  const index_t k = c.number("K"), n_keep = c.number("n_keep");
  DropSchedule drops = DropSchedule::fast_v(k);
  drops.keep[0] = Keep::exactly(n_keep);
  {
    c.begin("drop");
    const DropRun<B> run(c, drops);
    const index_t n = run.prompt().rows(), image = run.prompt().image, d = run.hidden();
    for (const bool all_rows : {true, false}) {
      const auto found = run.run(0, all_rows, true);
      c.same("drop.kept", found.kept.at(k), shape_of(n_keep));
      c.close("drop.scores", found.scores.at(k), shape_of(image));
      if (all_rows) c.close("drop.hidden", found.states, shape_of(n - image + n_keep, d));
      c.same("drop.cache_len", found.cache, shape_of(run.layers()));
      c.close("drop.decode_hidden", found.decoded, shape_of(run.steps(), d));
    }
    if constexpr (StepOps<B>) {
      c.begin("drop, recorded step");
      c.close("drop.decode_hidden", run.decode_by_steps(run.steps()), shape_of(run.steps(), d));
    }
  }
  c.begin("mask");
  drops.rule = DropRule::fast_v_mask;
  const DropRun<B> run(c, drops);
  const index_t n = run.prompt().rows(), d = run.hidden();
  const auto found = run.run(0, true, false);
  c.same("mask.kept", found.kept.at(k), shape_of(n_keep));
  c.close("mask.scores", found.scores.at(k), shape_of(run.prompt().image));
  c.close("mask.hidden", found.states, shape_of(n, d));
  std::vector<float> decoded;
  std::vector<std::int64_t> kept;
  for (index_t step = 1; step <= run.steps(); ++step) {
    const auto again = run.run(step, false, false);
    append(decoded, again.last);
    kept.insert(kept.end(), again.kept.at(k).begin(), again.kept.at(k).end());
  }
  c.close("mask.decode_hidden", decoded, shape_of(run.steps(), d));
  c.same("mask.decode_kept", kept, shape_of(run.steps(), n_keep));
}

}  // namespace golden
