// DropRun: the small decoder of a file of kind pyramid_drop or fast_v, run with its drops.
#pragma once

#include <cstring>
#include <map>

#include "golden/reduce_case.hpp"
#include "proxyv/model/session.hpp"
#include "proxyv/reduce/drop_stack.hpp"

namespace golden {

/// The file's decoder under checkpoint names. Its head gives the final norm's result as logits, and its
/// embeddings are the tokens that decoding feeds.
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
    return {file_.source().path(),
            name,
            io::TensorType::f32,
            shape_,
            reinterpret_cast<const std::byte*>(values.data()),
            values.size() * sizeof(float)};
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
  index_t packed(index_t row) const {
    return row < start ? image + row : row < start + image ? row - start : row;
  }
  index_t original(index_t packed) const {
    return packed < image ? start + packed : packed < image + start ? packed - image : packed;
  }
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
        for (const io::JsonValue& row : *rows->array())
          ranked_by_.push_back(prompt_.packed(io::as_index(row, place, 0, prompt_.rows() - 1)));
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
    Setting at(*this, more);
    Found found;
    std::vector<std::int64_t> alive;
    for (index_t i = 0; i < prompt_.image; ++i) alive.push_back(i);
    at.prefill(*this, all_rows, Hook{*this, at.engine, found, alive});
    found.rows = reading_order(alive, at.layout.rows());
    found.last = row(at);
    for (index_t layer = 0; layer < layers(); ++layer) found.cache.push_back(at.cache.length(layer));
    if (decode) this->decode(at, found);
    return found;
  }

  /// A step that is recorded once and replayed, where the engine can; else the same ops one by one.
  std::vector<float> decode_by_steps() const requires StepOps<B> {
    Setting at(*this, 0);
    at.prefill(*this, false, NoHook{});
    StepState<B> state(at.engine, decoder_.stages_count());
    const auto one_step = [&] { decoder_.step(at.engine, state, at.cache, at.logits.view(), {}); };
    std::vector<float> all;
    const auto run = [&](auto&& replay) {
      for (index_t i = 0; i < steps_; ++i) {
        state.set(at.engine, static_cast<TokenId>(i), at.cache, decoder_.stage_layers(), 0);
        replay();
        at.cache.commit(1, at.cache.next_position() + 1);
        append(all, row(at));
      }
    };
    if constexpr (GraphOps<B>) {
      auto graph = at.engine.record(one_step);
      run([&] { at.engine.replay(graph); });
    } else {
      run(one_step);
    }
    return all;
  }

 private:
  /// An engine with the prompt in its memory, and room for what follows.
  struct Setting {
    Setting(const DropRun& run, index_t more)
        : layout(run.prompt_.layout(more)),
          engine(make_engine<B>(run.case_.threads(),
                                2 * workspace_bytes(run.decoder_, layout, run.steps_, run.options(true)) +
                                    (std::size_t{1} << 20))),
          vision(engine, rows_of(run.part(true, more), run.prompt_.image, run.hidden())),
          text(engine, rows_of(run.part(false, more), layout.text(), run.hidden())),
          logits(engine, 1, run.config_.vocab),
          cache(engine, run.decoder_.cache_shape(layout.rows() + run.steps_)) {}

    template <class Hook>
    void prefill(const DropRun& run, bool all_rows, Hook&& hook) {
      run.decoder_.prefill(engine, Prompt<B>{layout, vision.view(), text.view()}, cache, logits.view(),
                           run.options(all_rows), hook);
    }

    TokenLayout layout;
    B engine;
    Tensor<B> vision, text, logits;
    KvCache<B> cache;
  };

  PrefillOptions options(bool all_rows) const {
    return {.savings = {},
            .all_rows = all_rows,
            .ranked_by = {ranked_by_.data(), static_cast<index_t>(ranked_by_.size())}};
  }
  /// The prompt's image rows, or its text rows with `more` decoding inputs behind them.
  std::vector<float> part(bool image, index_t more) const {
    const index_t d = hidden();
    std::vector<float> out;
    for (index_t row = 0; row < prompt_.rows(); ++row)
      if ((prompt_.packed(row) < prompt_.image) == image)
        out.insert(out.end(), x_.begin() + row * d, x_.begin() + (row + 1) * d);
    const std::vector<float> fed = case_.file().floats("in.decode_x", shape_of(steps_, d));
    if (!image) out.insert(out.end(), fed.begin(), fed.begin() + more * d);
    return out;
  }

  struct Hook {
    const DropRun& run;
    B& engine;
    Found& found;
    std::vector<std::int64_t>& alive;

    void operator()(const DropEvent<B>& drop) const {
      alive = read_ids<B>(engine, drop.kept);
      found.kept[drop.layer] = run.originals(alive);
      found.positions[drop.layer] =
          run.in_reading_order(read_ids<B>(engine, drop.positions), static_cast<index_t>(alive.size()));
      if constexpr (std::same_as<Elem<B>, float>) found.scores[drop.layer] = read<B>(engine, drop.scores);
    }
    void operator()(const LayerEvent<B>& event) const {
      if (event.layer + 1 != run.layers()) return;
      const index_t n = event.vision.rows() + event.rest.rows(), d = run.hidden();
      std::vector<float> states = read<B>(engine, event.vision);
      append(states, read<B>(engine, event.rest));
      const Tensor<B> x(engine, rows_of(states, n, d)), normed(engine, n, d),
          logits(engine, n, run.config_.vocab);
      run.decoder_.head()(engine, x.view(), normed.view(), logits.view());
      const std::vector<float> all = read<B>(engine, logits.view().col_range(0, d));
      for (const index_t packed : run.packed_order(event.vision.rows(), n))
        found.states.insert(found.states.end(), all.begin() + packed * d, all.begin() + (packed + 1) * d);
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

  std::vector<float> row(Setting& at) const {
    return read<B>(at.engine, at.logits.view().col_range(0, hidden()));
  }

  void decode(Setting& at, Found& found) const {
    const std::vector<float> fed = case_.file().floats("in.decode_x");
    const Tensor<B> in(at.engine, rows_of(fed, steps_, hidden()));
    for (index_t i = 0; i < steps_; ++i) {
      for (index_t layer = 0; layer < layers(); ++layer)
        found.decode_positions.push_back(at.cache.next_position(layer));
      decoder_.append(at.engine, In<B>(in.view().row_range(i, 1)), at.cache, at.logits.view());
      append(found.decoded, row(at));
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
    const auto rows = static_cast<index_t>(packed.size()),
               left = rows > prompt_.rows() - prompt_.image + vision ? prompt_.image : vision;
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

}  // namespace golden
