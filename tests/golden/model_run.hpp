// ModelRun: runs a file of kind "model" on one engine, in every way the library offers, and compares.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "golden/batch_run.hpp"
#include "golden/model_states.hpp"
#include "golden/probe.hpp"
#include "proxyv/model/presets.hpp"
#include "proxyv/model/session.hpp"
#include "proxyv/model/study_stacks.hpp"

namespace golden {

/// With a Probe for an engine, what layers keep to themselves is compared too.
template <class Model>
class ModelRun {
  using B = typename Model::backend;

 public:
  ModelRun(const GoldenFile& file, const ModelCase& c, const Settings& settings, const Tolerance& tolerance,
           Report& report, bool is_alone)
      : file_(file),
        case_(c),
        tolerance_(tolerance),
        report_(report),
        is_alone_(is_alone),
        model_(load_model<Model>(file, c, settings)),
        layout_(c.layout(model_.crop_shape(c.crops.max_length))),
        engine_(make_engine<B>(settings.threads, workspace())),
        vision_(engine_, View<const float>(c.vision.data(), layout_.own_vision(), hidden())) {}

  void run() {
    all_states("exact savings, all rows", {.savings = {}, .all_rows = true});
    all_states("plain form, all rows", {.savings = Savings::none(), .all_rows = true});
    only_answer("exact savings");
    own_embeddings("own embeddings");
    if constexpr (GraphOps<B>) recorded_step("recorded step");
    if (case_.eos && tolerance_.tokens && is_alone_) until_end_of_sequence("end of sequence");
  }

 private:
  std::size_t workspace() const {
    std::size_t bytes = 0;
    for (const PrefillOptions& options : {PrefillOptions{}, {{}, true}, {Savings::none(), true}})
      bytes = std::max(bytes, workspace_bytes(model_, layout_, case_.steps, options));
    return bytes;
  }

  void begin(const std::string& way) { report_.begin(Probing<B> || !Fuses<B> ? way : way + ", fused ops"); }

  Prompt<B> prompt() const { return {layout_, vision_.view(), {}}; }
  Session<Model> session() { return {engine_, model_, layout_.rows() + case_.steps}; }
  index_t hidden() const { return case_.config.hidden; }
  index_t vocab() const { return case_.config.vocab; }
  index_t fed() const { return case_.steps - 1; }  // tokens that decoding feeds back

  void close(const std::string& name, std::span<const float> found, const Shape& shape, double tolerance) {
    report_.close("out." + name, found, file_.doubles("out." + name, shape), tolerance);
  }
  void close(const std::string& name, std::span<const float> found, const Shape& shape) {
    close(name, found, shape, tolerance_.states);
  }

  void all_states(const char* way, const PrefillOptions& options) {
    begin(way);
    ModelStates states;
    auto chat = session();
    if constexpr (Probing<B>) engine_.start_keeping();
    chat.start(prompt(), options, [&](const LayerEvent<B>& event) { states.keep(engine_, event); });
    if constexpr (Probing<B>) engine_.stop_keeping();
    for (index_t i = 0; i <= case_.config.layers; ++i)
      close("hidden." + std::to_string(i), states.hidden[i], shape_of(1, layout_.rows(), hidden()));
    if constexpr (Probing<B>) check_attention();
    check_proxies(states);
    check_head(states.hidden[case_.config.layers]);
    check_prefill(chat.logits(), chat.cache());
    if (case_.follows_directly()) check_decoding(chat);
  }

  void check_attention() requires Probing<B> {
    for (index_t i = 0; i < case_.config.layers; ++i) {
      const std::string name = "attn." + std::to_string(i);
      if (!file_.has("out." + name)) continue;
      const bool look = i < case_.config.proxy_start || case_.config.study.kind == Study::mask_v2v;
      const index_t skipped = look ? 0 : layout_.vision();
      const index_t queries =
          layout_.rows() - skipped + (i < case_.config.proxy_start ? 0 : layout_.proxies());
      close(name, engine_.attention_outputs().at(static_cast<std::size_t>(i)),
            shape_of(1, queries, hidden()));
    }
  }

  void check_proxies(ModelStates& states) {
    const RuntimeConfig& c = case_.config;
    if (!case_.proxies || c.proxy_start == c.layers) return;
    for (index_t i = c.proxy_start; i <= c.layers; ++i)
      close("proxy." + std::to_string(i), states.proxies[i], shape_of(1, layout_.proxies(), hidden()));
    if (c.learned_proxies)
      close("splat", states.splat, shape_of(layout_.crops(), tokens_per_crop(c), proxies_per_crop(c)));
  }

  void check_head(const std::vector<float>& last) {
    const index_t n = layout_.rows(), first_text = n - layout_.text();
    const Tensor<B> x(engine_, rows_of(last, n, hidden())), normed(engine_, n, hidden()),
        logits(engine_, n, vocab());
    model_.head()(engine_, x.view(), normed.view(), logits.view());
    if constexpr (Probing<B>)  // to others it is scratch
      close("last_hidden", read<B>(engine_, normed.view()), shape_of(1, n, hidden()));
    close("logits_text", read<B>(engine_, logits.view().row_range(first_text, layout_.text())),
          shape_of(1, layout_.text(), vocab()), tolerance_.logits);
  }

  void check_prefill(Out<B> logits, const KvCache<B>& cache) {
    close("next_logits", read<B>(engine_, logits), shape_of(1, vocab()), tolerance_.logits);
    check_cache("cache.", cache, 0, layout_.rows());
  }

  void check_cache(const std::string& prefix, const KvCache<B>& cache, index_t begin, index_t count) {
    const RuntimeConfig& c = case_.config;
    const auto check = [&](const std::string& name, const Out<B>& rows) {
      const std::vector<float> found = read<B>(engine_, rows);
      close(prefix + name, heads_first(rows_of(found, count, rows.cols()), c.head_dim),
            shape_of(1, c.kv_heads, count, c.head_dim));
    };
    for (index_t i = 0; i < c.layers; ++i) {
      check(std::to_string(i) + ".k", cache.keys(i, begin, count));
      check(std::to_string(i) + ".v", cache.values(i, begin, count));
    }
  }

  /// Token by token. Where tokens need not be equal the file's are fed, not our own.
  void check_decoding(Session<Model>& chat) {
    std::vector<std::int64_t> tokens;
    std::vector<float> logits, states;
    const std::vector<TokenId> wanted = wanted_tokens();
    if constexpr (Probing<B>) engine_.start_keeping();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (tolerance_.tokens) {
        tokens.push_back(chat.next_token());
      } else if (i > 0) {
        chat.say({&wanted[i - 1], 1});
      }
      append(logits, read<B>(engine_, chat.logits()));
      if constexpr (Probing<B>)
        if (i > 0) append(states, engine_.last_norm());
    }
    if constexpr (Probing<B>) engine_.stop_keeping();
    if (tolerance_.tokens) report_.same("out.greedy_tokens", tokens, as_int64(wanted));
    close("greedy_logits", logits, shape_of(1, case_.steps, vocab()), tolerance_.logits);
    if (fed() == 0) return;
    if constexpr (Probing<B>) close("decode_hidden", states, shape_of(1, fed(), hidden()));
    check_cache("cache_new.", chat.cache(), layout_.rows(), fed());
  }

  std::vector<TokenId> wanted_tokens() const {
    file_.integers("out.greedy_tokens", shape_of(1, case_.steps));
    return file_.small_integers("out.greedy_tokens");
  }

  /// Only what the answer needs; then the same tokens once more, in one go, as a further question would be.
  void only_answer(const std::string& way) {
    begin(way);
    auto chat = session();
    chat.start(prompt());
    const auto picture = chat.mark();
    check_prefill(chat.logits(), chat.cache());
    if (!case_.follows_directly()) return;
    check_decoding(chat);
    if (fed() == 0) return;
    begin(way + ", tokens in one go");
    chat.rewind(picture);
    const std::vector<TokenId> tokens = wanted_tokens();
    chat.say({tokens.data(), fed()});
    check_cache("cache_new.", chat.cache(), layout_.rows(), fed());
    check_last_logits(chat.logits());
  }

  void check_last_logits(Out<B> logits) {
    const std::vector<double> all = file_.doubles("out.greedy_logits", shape_of(1, case_.steps, vocab()));
    report_.close("out.greedy_logits", read<B>(engine_, logits),
                  std::span(all).last(static_cast<std::size_t>(vocab())), tolerance_.logits);
  }

  void own_embeddings(const char* way) {
    begin(way);
    KvCache<B> cache(engine_, model_.cache_shape(layout_.rows() + case_.steps));
    const Tensor<B> row(engine_, 1, vocab()), text = embed(layout_.text_ids());
    Prompt<B> own = prompt();
    own.text = text.view();
    model_.prefill(engine_, own, cache, row.view());
    check_prefill(row.view(), cache);
    if (fed() == 0 || !case_.follows_directly()) return;
    const std::vector<TokenId> tokens = wanted_tokens();
    const Tensor<B> more = embed({tokens.data(), fed()});
    model_.append(engine_, more.view(), cache, row.view());
    check_cache("cache_new.", cache, layout_.rows(), fed());
    check_last_logits(row.view());
  }

  Tensor<B> embed(Span<const TokenId> ids) {
    model_.embedding().check(ids);
    Tensor<B> out(engine_, ids.size(), hidden());
    const auto own_ids = put_ids<B>(engine_, ids);
    model_.embedding()(engine_, own_ids.span(), out.view());
    engine_.sync();
    return out;
  }

  /// The file's tokens through one recorded step, replayed for each.
  void recorded_step(const char* way) requires GraphOps<B> {
    begin(way);
    KvCache<B> cache(engine_, model_.cache_shape(layout_.rows() + case_.steps));
    const Tensor<B> row(engine_, 1, vocab());
    model_.prefill(engine_, prompt(), cache, row.view());
    std::vector<float> logits = read<B>(engine_, row.view());
    if (fed() == 0 || !case_.follows_directly()) return;
    StepState<B> state(engine_);
    const auto step = engine_.record([&] { model_.step(engine_, state, cache, row.view(), {}); });
    const std::vector<TokenId> tokens = wanted_tokens();
    for (index_t i = 0; i < fed(); ++i) {
      state.set(engine_, tokens[static_cast<std::size_t>(i)], cache.next_position(), cache.length(), 0);
      engine_.replay(step);
      cache.commit(1, cache.next_position() + 1);
      append(logits, read<B>(engine_, row.view()));
    }
    close("greedy_logits", logits, shape_of(1, case_.steps, vocab()), tolerance_.logits);
    check_cache("cache_new.", cache, layout_.rows(), fed());
  }

  void until_end_of_sequence(const char* way) {
    begin(way);
    auto chat = session();
    chat.start(prompt());
    const auto tokens = chat.generate({.max_tokens = case_.steps, .sampling = {}, .stop = {&*case_.eos, 1}});
    report_.same("out.greedy_tokens_eos", as_int64(tokens), file_.integers("out.greedy_tokens_eos"));
  }

  const GoldenFile& file_;
  const ModelCase& case_;
  const Tolerance& tolerance_;
  Report& report_;
  bool is_alone_;
  Model model_;
  TokenLayout layout_;
  B engine_;
  Tensor<B> vision_;
};

/// All ways on one engine, with the decoder that the case wants: each row alone, then all together.
template <class Model>
void run_rows(const std::vector<RowCase>& rows, const Settings& settings, const Tolerance& tolerance, Report& report) {
  for (const RowCase& row : rows) ModelRun<Model>(row.file, row.model, settings, tolerance, report, rows.size() == 1).run();
  BatchRun<Model>(rows, settings, tolerance, report).run();
}

template <class B>
void run_model(const std::vector<RowCase>& rows, const Settings& settings, const Tolerance& tolerance, Report& report) {
  const ModelCase& c = rows.front().model;
  if (c.config.study.kind != Study::none) {
    run_rows<StudyDecoder<B>>(rows, settings, tolerance, report);
  } else if (!c.proxies) {
    run_rows<PlainDecoder<B>>(rows, settings, tolerance, report);
  } else if (c.config.learned_proxies) {
    run_rows<LearnedProxyDecoder<B>>(rows, settings, tolerance, report);
  } else {
    run_rows<ProxyDecoder<B>>(rows, settings, tolerance, report);
  }
}

/// Runs a model file: through a Probe, and, where the engine has ops beyond the contract, as it is. Every
/// tensor "out.*" of the file must have been compared in the end.
template <class Engine>
void check_model(const GoldenFile& file, const Settings& settings, Report& report) {
  const std::vector<RowCase> rows = read_rows(file);
  const Tolerance tolerance =
      settings.tolerance(settings.weights && rounding_changes(file, *settings.weights));
  for (const RowCase& row : rows) check_layout(row.file, row.model, tolerance, report);
  run_model<Probe<Engine>>(rows, settings, tolerance, report);
  if constexpr (Fuses<Engine>) run_model<Engine>(rows, settings, tolerance, report);
  for (std::size_t i = 0; i < file.source().size(); ++i) {
    const std::string name(file.source().entry(i).name);
    const bool tokens = name.starts_with("out.greedy_tokens") && !tolerance.tokens;
    if (name.starts_with("out.") && !tokens && !report.checked(name))
      report.fail("tensor " + io::in_quotes(name) + " was not compared");
  }
}

}  // namespace golden
