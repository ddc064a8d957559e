// Files of kind vision_zip and vision_zip_proxyv: the encoder's last layer, the choice, the layouts, learned
// proxies.
#pragma once

#include "golden/reduce_case.hpp"
#include "proxyv/proxy/learned_pool.hpp"
#include "proxyv/proxy/vision_update.hpp"
#include "proxyv/reduce/vision_zip.hpp"
#include "proxyv/vision/clip_encoder.hpp"

namespace golden {

/// What was chosen in all crops, one crop after another, as files have it.
struct ZipFound {
  std::vector<std::int64_t> keep, rest, target, merged, assign, counts;
  std::vector<float> score, tokens;
};

/// The choice of all crops. keys, hidden [crops * rows, ...]; cls [crops * heads, rows].
template <class B>
ZipFound zip(ReduceCase<B>& c, const ZipSettings& settings, index_t heads, index_t rows,
             View<const float, SpaceOf<B>> cls, In<B> keys, In<B> hidden) {
  const VisionZip<B> zip(settings, heads, rows);
  const index_t crops = hidden.rows() / rows;
  ZipFound found;
  c.run([&](auto& be) {
    found = {};
    const Tensor<B> tokens(be, crops * zip.tokens(), hidden.cols());
    zip(be, cls, keys, hidden, tokens.view(), [&](index_t, const ZipChoice<B>& chosen) {
      const auto kept = read_ids<B>(be, chosen.kept), to = read_ids<B>(be, chosen.to);
      std::vector<std::int64_t> counts(static_cast<std::size_t>(settings.contextual));
      for (const std::int64_t t : to) ++counts.at(static_cast<std::size_t>(t));
      const auto add = [](auto& all, const auto& some) { all.insert(all.end(), some.begin(), some.end()); };
      add(found.keep, kept);
      for (index_t row = 0; row < rows; ++row)
        if (!std::binary_search(kept.begin(), kept.end(), row)) found.rest.push_back(row);
      add(found.target, read_ids<B>(be, chosen.targets));
      add(found.merged, read_ids<B>(be, chosen.merged));
      add(found.assign, to);
      add(found.counts, counts);
    });
    for (index_t crop = 0; crop < crops; ++crop) {
      const Tensor<B> score(be, 1, rows);
      zip.score(be, cls.row_range(crop * heads, heads), score.view());
      append(found.score, read<B>(be, score.view().col_range(1, rows - 1)));
    }
    found.tokens = read<B>(be, tokens.view());
  });
  return found;
}

/// Compares what the file has of it, under names that begin with `prefix`.
template <class B>
void check_zip(ReduceCase<B>& c, const std::string& prefix, const ZipFound& found, const ZipSettings& s,
               index_t crops, index_t rows, index_t width) {
  const index_t rest = rows - s.dominant, merged = s.contextual == 0 ? 0 : rest - s.contextual;
  const auto same = [&](const char* name, const std::vector<std::int64_t>& ids, index_t n) {
    if (c.has(prefix + name)) c.same(prefix + name, ids, shape_of(crops, n));
  };
  same("keep_idx", found.keep, s.dominant);
  same("rest_idx", found.rest, rest);
  same("target_idx", found.target, s.contextual);
  same("merged_idx", found.merged, merged);
  same("assign", found.assign, merged);
  same("counts", found.counts, s.contextual);
  if (c.has(prefix + "score")) c.close(prefix + "score", found.score, shape_of(crops, rows - 1));
  c.close(prefix + "tokens", found.tokens, shape_of(crops, s.tokens(), width));
}

inline ZipSettings zip_settings(const io::JsonFields& fields) {
  return {fields.index("dominant", 1, index_t{1} << 24), fields.index("contextual", 0, index_t{1} << 24),
          ZipLayout::crop_major};
}

template <class B>
void check_vision_zip(ReduceCase<B>& c) {
  const index_t heads = c.number("heads"), side = c.number("side"), grid_w = c.number("grid_w"),
                grid_h = c.number("grid_h");
  const auto s = c.file().shape("in.x", 3);
  const index_t crops = s[0], rows = s[1], width = s[2];
  typename ClipWeights<B>::Layer w;
  auto load = c.loader(c.file().source());
  const auto norm = [&](const std::string& name, Vec<B>& gain, Vec<B>& bias) {
    load.vector("w." + name + ".weight", gain, width);
    load.vector("w." + name + ".bias", bias, width);
  };
  const auto linear = [&](const std::string& name, WeightOf<B>& weight, Vec<B>& bias) {
    const auto sizes = c.file().shape("w." + name + ".weight", 2);
    load.matrix("w." + name + ".weight", weight, sizes[0], sizes[1]);
    load.vector("w." + name + ".bias", bias, sizes[0]);
  };
  norm("layer_norm1", w.norm1_gain, w.norm1_bias);
  norm("layer_norm2", w.norm2_gain, w.norm2_bias);
  linear("self_attn.q_proj", w.q, w.q_bias);
  linear("self_attn.k_proj", w.k, w.k_bias);
  linear("self_attn.v_proj", w.v, w.v_bias);
  linear("self_attn.out_proj", w.o, w.o_bias);
  linear("mlp.fc1", w.fc1, w.fc1_bias);
  linear("mlp.fc2", w.fc2, w.fc2_bias);

  const std::vector<float> x = c.file().floats("in.x");
  std::vector<float> hidden, keys, cls, metric;
  const ClipLayer<B> layer(w, heads, Act::quick_gelu, c.eps(c.config()));
  c.run([&](auto& be) {
    const Tensor<B> stream(be, rows_of(x, crops * rows, width)), k(be, crops * rows, width);
    const Tensor<B> weights(be, crops * heads, rows), mean(be, crops * rows, width / heads);
    layer(be, ClipTap<B>{stream.view(), k.view(), weights.view()}, rows);
    be.head_mean(k.view(), heads, mean.view());
    hidden = read<B>(be, stream.view());
    keys = read<B>(be, k.view());
    cls = read<B>(be, weights.view());
    metric = read<B>(be, mean.view());
  });
  c.close("hidden", hidden, shape_of(crops, rows, width));
  c.close("cls_attn", cls, shape_of(crops, heads, rows));
  c.close("key_metric", metric, shape_of(crops, rows, width / heads));

  const auto choose = [&](const ZipSettings& settings) {
    return zip(c, settings, heads, rows, c.keep(cls, crops * heads, rows), c.keep(keys, crops * rows, width),
               c.keep(hidden, crops * rows, width));
  };
  const ZipSettings settings = zip_settings(c.config());
  const ZipFound found = choose(settings);
  check_zip(c, "", found, settings, crops, rows, width);
  check_layouts(c, found, settings, crops, width, grid_w, grid_h, side);

  if (const io::JsonValue* extra = c.config().find("extra_settings")) {
    for (const io::JsonValue& one : io::as_array(*extra, c.config().place("extra_settings"))) {
      const ZipSettings other =
          zip_settings(io::JsonFields(one, c.file().source().path(), "config.extra_settings."));
      check_zip(c, "extra." + std::to_string(other.dominant) + "_" + std::to_string(other.contextual) + ".",
                choose(other), other, crops, rows, width);
    }
  }

  const io::JsonFields tie(c.config().require("tie", "an object"), c.file().source().path(), "config.tie.");
  const auto ts = c.file().shape("in.tie.hidden", 3), tk = c.file().shape("in.tie.keys", 4);
  const ZipFound tied =
      zip(c, zip_settings(tie), tk[1], ts[1], c.table("in.tie.cls_attn", ts[0] * tk[1], ts[1]),
          c.heads_last("in.tie.keys"), c.rows("in.tie.hidden", ts[0] * ts[1], ts[2]));
  check_zip(c, "tie.", tied, zip_settings(tie), ts[0], ts[1], ts[2]);
}

/// The two orders of one picture's tokens.
template <class B>
void check_layouts(ReduceCase<B>& c, const ZipFound& found, const ZipSettings& settings, index_t crops,
                   index_t width, index_t grid_w, index_t grid_h, index_t side) {
  const index_t n = settings.tokens();
  const std::vector<std::int32_t> kept(found.keep.begin(), found.keep.end());
  std::vector<std::int64_t> source;
  std::vector<std::int32_t> rows;
  for (const ZipSource& from :
       stitched_order({kept.data(), crops, settings.dominant}, settings, grid_w, grid_h, side)) {
    source.insert(source.end(), {from.crop, from.row});
    rows.push_back(static_cast<std::int32_t>(from.crop * n + from.row));
  }
  c.same("stitched_source", source, shape_of(crops * n, 2));
  const std::vector<float> newline = c.file().floats("in.newline", shape_of(width));
  std::vector<float> stitched, crop_major;
  c.run([&](auto& be) {
    const Tensor<B> tokens(be, rows_of(found.tokens, crops * n, width)), ordered(be, crops * n, width),
        lined(be, crops * (n + 1), width), line(be, rows_of(newline, 1, width));
    const auto ids = put_ids<B>(be, {rows.data(), crops * n});
    be.gather(tokens.view(), ids.span(), ordered.view());
    for (index_t crop = 0; crop < crops; ++crop) {
      be.copy(tokens.view().row_range(crop * n, n), lined.view().row_range(crop * (n + 1), n));
      be.copy(line.view(), lined.view().row_range(crop * (n + 1) + n, 1));
    }
    stitched = read<B>(be, ordered.view());
    crop_major = read<B>(be, lined.view());
  });
  c.close("stitched", stitched, shape_of(crops * n, width));
  c.close("crop_major", crop_major, shape_of(crops * (n + 1), width));
}

template <class B>
void check_vision_zip_proxyv(ReduceCase<B>& c) {
  const auto sh = c.file().shape("in.hidden", 3), sk = c.file().shape("in.keys", 4);
  const index_t crops = sh[0], rows = sh[1], heads = sk[1], d = c.number("d"), inner = c.number("h"),
                proxies = c.number("proxies");
  const ZipSettings settings = zip_settings(c.config());
  const index_t n = settings.tokens(), all = crops * n;
  const ZipFound found = zip(c, settings, heads, rows, c.table("in.cls_attn", crops * heads, rows),
                             c.heads_last("in.keys"), c.rows("in.hidden", crops * rows, sh[2]));
  check_zip(c, "", found, settings, crops, rows, sh[2]);

  auto load = c.loader(c.file().source());
  WeightOf<B> project, key, context, input, mix, out;
  Vec<B> project_bias, gain;
  In<B> queries;
  load.matrix("w.projector.weight", project, d, sh[2]);
  load.vector("w.projector.bias", project_bias, d);
  load.matrix("w.wk", key, inner, d);
  load.dense("w.queries", queries, proxies, inner);
  load.matrix("w.context_proj", context, inner, d);
  load.matrix("w.input_proj", input, inner, d);
  load.matrix("w.proj0", mix, inner, 2 * inner);
  load.matrix("w.proj2", out, d, inner);
  load.vector("w.norm", gain, d);
  const Linear<B> projector(project, project_bias);
  const LearnedPool<B, RuntimeConfig> pool({key, queries});
  SplatUpdate<B, RuntimeConfig> update({context, input, mix, out, gain}, c.eps(c.config()));
  update.fold(c.maker());
  const Grid grid{.crops = crops, .tokens = n, .proxies = proxies};
  const std::vector<float> updated = c.file().floats("in.updated_proxies", shape_of(crops, proxies, d));

  for (const bool folded : {true, false}) {
    c.begin(folded ? "folded" : "plain");
    std::vector<float> projected, logits, made, splat, after;
    c.run([&](auto& be) {
      logits.clear();
      const Tensor<B> tokens(be, rows_of(found.tokens, all, sh[2])), x(be, all, d),
          few(be, crops * proxies, d), spread(be, all, proxies),
          moved(be, rows_of(updated, crops * proxies, d)), keys(be, n, inner), scores(be, proxies, n);
      projector(be, tokens.view(), x.view());
      pool(be, x.view(), few.view(), spread.view(), grid);
      projected = read<B>(be, x.view());
      made = read<B>(be, few.view());
      splat = read<B>(be, spread.view());
      for (index_t crop = 0; crop < crops; ++crop) {
        be.gemm(x.view().row_range(crop * n, n), key, keys.view(), {});
        be.gemm(queries, WeightOf<B>(In<B>(keys.view())), scores.view(), {});
        std::vector<float> raw = read<B>(be, scores.view());
        for (float& logit : raw) logit /= std::sqrt(static_cast<float>(inner));
        append(logits, raw);
      }
      update(be, x.view(), moved.view(), spread.view(), grid, folded);
      after = read<B>(be, x.view());
    });
    c.close("projected", projected, shape_of(crops, n, d));
    c.close("logits", logits, shape_of(crops, proxies, n));
    c.close("proxies", made, shape_of(crops, proxies, d));
    c.close("splat", splat, shape_of(crops, n, proxies));
    c.close("updated_tokens", after, shape_of(crops, n, d));
  }
}

}  // namespace golden
