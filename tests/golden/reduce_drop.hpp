// Files of kind pyramid_drop and fast_v: a small decoder, its drops, its caches, and tokens that follow.
#pragma once

#include "golden/reduce_decoder.hpp"

namespace golden {

template <class B>
void check_pyramid_drop(ReduceCase<B>& c) {
  DropSchedule drops;
  drops.rule = DropRule::pyramid_drop;
  const auto list = [&](const char* key) -> const io::JsonArray& {
    return io::as_array(c.config().require(key, "an array"), c.config().place(key));
  };
  for (const io::JsonValue& layer : list("layer_list")) {
    PROXYV_CHECK(drops.count < DropSchedule::most, LoadError, "layer_list: more drops than ",
                 DropSchedule::most);
    drops.layers[static_cast<std::size_t>(drops.count++)] =
        io::as_index(layer, c.config().place("layer_list"), 1, 65536);
  }
  std::size_t stage = 0;
  for (const io::JsonValue& ratio : list("ratio_list"))
    drops.keep.at(stage++).ratio = io::as_double(ratio, c.config().place("ratio_list"), 0.0, 1.0);

  const DropRun<B> run(c, drops);
  const DropPrompt& prompt = run.prompt();
  const auto check = [&](const auto& found) {
    std::vector<std::int64_t> image, all;
    for (index_t i = 0; i < prompt.rows(); ++i)
      (i >= prompt.start && i < prompt.start + prompt.image ? image : all).push_back(i);
    all.insert(all.begin() + prompt.start, image.begin(), image.end());
    c.same("kept.0", image, shape_of(prompt.image));
    c.same("positions.0", all, shape_of(prompt.rows()));
    auto alive = prompt.image;
    for (index_t i = 0; i < drops.count; ++i) {
      const index_t layer = drops.layers[static_cast<std::size_t>(i)],
                    kept = drops.keep[static_cast<std::size_t>(i)].of(prompt.image);
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
    c.close("decode_hidden", run.decode_by_steps(), shape_of(run.steps(), d));
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
      c.close("drop.decode_hidden", run.decode_by_steps(), shape_of(run.steps(), d));
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
