// BatchRun: all rows of a file of kind "model" together, each token of them one step.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "golden/model_case.hpp"
#include "golden/model_states.hpp"
#include "golden/probe.hpp"
#include "proxyv/model/batch.hpp"
#include "proxyv/model/load.hpp"
#include "proxyv/model/load_family.hpp"
#include "proxyv/model/presets.hpp"

namespace golden {

/// The file's weights in a decoder of type Model.
template <class Model>
Model load_model(const GoldenFile& file, const ModelCase& c, const Settings& settings) {
  using Tensors = FamilyTensors<io::SafetensorsFile>;
  using B = typename Model::backend;
  B maker = make_engine<B>(settings.threads);
  const auto tensors = std::make_shared<const Tensors>(file.source(), c.family, c.config);
  const auto owner =
      std::make_shared<std::pair<decltype(tensors), decltype(file.owner())>>(tensors, file.owner());
  return load_decoder<Model>(maker, c.config, *tensors, owner, true, {.weights = settings.weights});
}

template <class Model>
class BatchRun {
  using B = typename Model::backend;

 public:
  BatchRun(const std::vector<RowCase>& rows, const Settings& settings, const Tolerance& tolerance,
           Report& report)
      : rows_(rows),
        case_(rows.front().model),
        tolerance_(tolerance),
        report_(report),
        model_(load_model<Model>(rows.front().file, case_, settings)),
        layouts_(layouts()),
        engine_(make_engine<B>(settings.threads,
                               batch_workspace_bytes(model_, {layouts_.data(), count()}, case_.steps))) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      vision_.emplace_back(engine_, View<const float>(rows[i].model.vision.data(), layouts_[i].own_vision(),
                                                      case_.config.hidden));
  }

  void run() {
    step_by_step();
    if (!tolerance_.tokens) return;
    generated();
    if (case_.eos) until_end_of_sequence();
  }

 private:
  std::vector<TokenLayout> layouts() const {
    std::vector<TokenLayout> out;
    for (const RowCase& row : rows_)
      out.push_back(row.model.layout(model_.crop_shape(row.model.crops.max_length)));
    return out;
  }
  index_t count() const { return static_cast<index_t>(rows_.size()); }
  index_t vocab() const { return case_.config.vocab; }
  void begin(const char* way) {
    report_.begin(std::string(way) + (Probing<B> || !Fuses<B> ? "" : ", fused ops"));
  }

  /// A session in which every prompt was read.
  BatchSession<Model> started() {
    index_t most = 0;
    for (const TokenLayout& layout : layouts_) most = std::max(most, layout.rows());
    BatchSession<Model> session(engine_, model_, count(), most + case_.steps);
    for (std::size_t i = 0; i < rows_.size(); ++i) session.start({layouts_[i], vision_[i].view()});
    return session;
  }

  void close(std::size_t row, const std::string& name, std::span<const float> found, const Shape& shape,
             double tolerance) {
    report_.close("out." + name, found, rows_[row].file.doubles("out." + name, shape), tolerance);
  }

  /// The file's tokens, one of every row at a time.
  void step_by_step() {
    begin("batch");
    auto session = started();
    std::vector<KvCache<B>> caches;
    std::vector<std::vector<float>> logits(rows_.size()), states(rows_.size());
    std::vector<index_t> first;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const auto row = static_cast<index_t>(i);
      logits[i] = read<B>(engine_, session.logits(row));
      close(i, "next_logits", logits[i], shape_of(1, vocab()), tolerance_.logits);
      first.push_back(session.cache(row).length());
    }
    for (index_t t = 0; t + 1 < case_.steps; ++t) {
      std::vector<TokenId> fed;
      for (const RowCase& row : rows_)
        fed.push_back(row.file.small_integers("out.greedy_tokens").at(static_cast<std::size_t>(t)));
      if constexpr (Probing<B>) engine_.start_keeping();
      session.feed({fed.data(), count()});
      if constexpr (Probing<B>) engine_.stop_keeping();
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        append(logits[i], read<B>(engine_, session.logits(static_cast<index_t>(i))));
        if constexpr (Probing<B>) append(states[i], engine_.last_norm_row(static_cast<index_t>(i)));
      }
    }
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      close(i, "greedy_logits", logits[i], shape_of(1, case_.steps, vocab()), tolerance_.logits);
      if (case_.steps == 1) continue;
      if constexpr (Probing<B>)
        close(i, "decode_hidden", states[i], shape_of(1, case_.steps - 1, case_.config.hidden),
              tolerance_.states);
      check_new(i, session.cache(static_cast<index_t>(i)), first[i]);
    }
  }

  void check_new(std::size_t row, const KvCache<B>& cache, index_t begin) {
    const RuntimeConfig& c = case_.config;
    const index_t fed = case_.steps - 1;
    const auto check = [&](const std::string& name, const Out<B>& rows) {
      const std::vector<float> found = read<B>(engine_, rows);
      close(row, "cache_new." + name, heads_first(rows_of(found, fed, rows.cols()), c.head_dim),
            shape_of(1, c.kv_heads, fed, c.head_dim), tolerance_.states);
    };
    for (index_t i = 0; i < c.layers; ++i) {
      check(std::to_string(i) + ".k", cache.keys(i, begin, fed));
      check(std::to_string(i) + ".v", cache.values(i, begin, fed));
    }
  }

  void generated() {
    begin("batch, tokens");
    const auto tokens = started().generate({.max_tokens = case_.steps});
    for (std::size_t i = 0; i < rows_.size(); ++i)
      report_.same("out.greedy_tokens", as_int64(tokens[i]),
                   rows_[i].file.integers("out.greedy_tokens", shape_of(1, case_.steps)));
  }

  /// Rows that are done get padding until the last is.
  void until_end_of_sequence() {
    begin("batch, end of sequence");
    auto tokens = started().generate({.max_tokens = case_.steps, .sampling = {}, .stop = {&*case_.eos, 1}});
    std::size_t longest = 0;
    for (const auto& row : tokens) longest = std::max(longest, row.size());
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      tokens[i].resize(longest, case_.pad);
      report_.same("out.greedy_tokens_eos", as_int64(tokens[i]),
                   rows_[i].file.integers("out.greedy_tokens_eos"));
    }
  }

  const std::vector<RowCase>& rows_;
  const ModelCase& case_;
  const Tolerance& tolerance_;
  Report& report_;
  Model model_;
  std::vector<TokenLayout> layouts_;
  B engine_;
  std::vector<Tensor<B>> vision_;
};

}  // namespace golden
