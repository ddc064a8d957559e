// Unit operations of plain decoder layers: norm, rotary embedding, FFN, masked softmax, attention, a layer.
#pragma once

#include "golden/model_states.hpp"
#include "golden/probe.hpp"
#include "golden/unit_op.hpp"
#include "proxyv/layers/decoder_layer.hpp"

namespace golden {

template <class B>
void check_rms_norm(EngineOp<B>& op) {
  const auto shape = op.file().shape(op.tensor("x"));
  const RmsNorm<B> norm(op.vector("weight"), op.eps("eps"));
  const std::vector<float> x = op.floats("x");
  const index_t width = op.shape("weight", 1)[0];
  const index_t rows = static_cast<index_t>(x.size()) / std::max<index_t>(1, width);
  std::vector<float> y;
  op.run([&](auto& be) {
    const Tensor<B> stream(be, rows_of(x, rows, width));
    norm(be, stream.view(), stream.view());
    y = read<B>(be, stream.view());
  });
  op.close("y", y, Shape(shape.begin(), shape.end()));
}

template <class B>
void check_rope(EngineOp<B>& op) {
  const auto s = op.shape("x", 4);  // rows of the batch, heads, tokens, head size
  const std::vector<float> x = op.floats("x");
  const auto positions = op.positions("positions", shape_of(s[0], s[2]));
  const Rotary rotary{s[3], op.theta("theta"), op.rope_scaling(s[3])};
  std::vector<float> found;
  for (index_t b = 0; b < s[0]; ++b) {
    const std::vector<float> rows = rows_first(x.data() + b * s[1] * s[2] * s[3], s[1], s[2], s[3]);
    std::vector<float> turned;
    op.run([&](auto& be) {
      const Tensor<B> stream(be, rows_of(rows, s[2], s[1] * s[3]));
      const auto ids = put_ids<B>(be, {positions.data() + b * s[2], s[2]});
      auto frame = be.frame();
      auto table = frame.template matrix<float>(s[2], s[3]);
      be.rotary_table(ids.span(), rotary, table);
      be.rotate(stream.view(), table);
      turned = read<B>(be, stream.view());
    });
    append(found, heads_first(rows_of(turned, s[2], s[1] * s[3]), s[3]));
  }
  op.close("y", found, shape_of(s[0], s[1], s[2], s[3]));
}

template <class B>
void check_swiglu(EngineOp<B>& op) {
  const auto shape = op.file().shape(op.tensor("x"));
  const Ffn<B> ffn(op.weight("gate"), op.weight("up"), op.weight("down"));
  const index_t width = op.shape("down", 2)[0];
  const std::vector<float> x = op.floats("x"), nothing(x.size());
  const index_t rows = static_cast<index_t>(x.size()) / std::max<index_t>(1, width);
  std::vector<float> y;
  op.run([&](auto& be) {
    const Tensor<B> in(be, rows_of(x, rows, width)), out(be, rows_of(nothing, rows, width));
    ffn.add_to(be, in.view(), out.view());
    y = read<B>(be, out.view());
  });
  op.close("y", y, Shape(shape.begin(), shape.end()));
}

template <class B>
void check_masked_softmax(EngineOp<B>& op) {
  const auto s = op.shape("scores", 4);  // rows of the batch, heads, queries, keys
  const index_t queries = s[2], keys = s[3];
  const auto allow = op.flags("allow", shape_of(s[0], queries, keys));
  const EmptyRow empty =
      op.params().text_or("empty_row", "uniform") == "zero" ? EmptyRow::zero : EmptyRow::uniform;
  const std::vector<float> scores = op.floats("scores");
  std::vector<float> p;
  op.run([&](auto& be) {
    const Tensor<B> all(be, rows_of(scores, s[0] * s[1] * queries, keys));
    const auto flags = put_flags<B>(be, {allow.data(), s[0] * queries, keys});
    const View<const std::uint8_t, SpaceOf<B>> table = flags.matrix(s[0] * queries, keys);
    for (index_t i = 0; i < s[0] * s[1]; ++i) {
      const auto matrix = all.view().row_range(i * queries, queries);
      be.softmax_rows(matrix, matrix, 1.f, table.row_range(i / s[1] * queries, queries), empty);
    }
    p = read<B>(be, all.view());
  });
  op.close("p", p, shape_of(s[0], s[1], queries, keys));
}

/// The four projections under "self_attn."; biases where the file has them.
template <class B>
Attention<B> read_attention(EngineOp<B>& op) {
  const index_t query = op.params().index("num_attention_heads", 1, 65536),
                kv = op.params().index("num_key_value_heads", 1, query);
  const auto linear = [&](const std::string& name) {
    const std::string bias = "self_attn." + name + "_proj.bias";
    return Linear<B>(op.weight("self_attn." + name + "_proj.weight"),
                     op.has(bias) ? op.vector(bias) : Vec<B>{});
  };
  const Linear<B> q = linear("q");
  return Attention<B>({q, linear("k"), linear("v"), linear("o")}, {query, kv, q.out() / query});
}

/// Keys and values of all rows of a batch, as files have them: [heads, rows, dim] each.
struct KeysValues {
  std::vector<float> k, v;

  void append(std::span<const float> keys, std::span<const float> values, index_t rows, const Heads& heads) {
    golden::append(k, heads_first(rows_of(keys, rows, heads.kv_width()), heads.dim));
    golden::append(v, heads_first(rows_of(values, rows, heads.kv_width()), heads.dim));
  }
};

template <class B>
void check_attention(EngineOp<B>& op) {
  const auto sq = op.shape("x_q", 3), sk = op.shape("x_kv", 3);
  const index_t batch = sq[0], queries = sq[1], keys = sk[1], width = sq[2];
  const Attention<B> layer = read_attention<B>(op);
  const Heads heads = layer.heads();
  const index_t past = op.has("past_k") ? op.shape("past_k", 4)[2] : 0, known = past + keys,
                kv = heads.kv_width();
  const Rotary rotary{heads.dim, op.theta("rope_theta")};
  const std::vector<float> x_q = op.floats("x_q"), x_kv = op.floats("x_kv", shape_of(batch, keys, width));
  const auto pos_q = op.positions("pos_q", shape_of(batch, queries)),
             pos_kv = op.positions("pos_kv", shape_of(batch, keys));
  const auto allow = op.flags("allow", shape_of(batch, queries, known));
  const Shape past_shape = shape_of(batch, heads.kv, past, heads.dim);
  const auto past_k = past > 0 ? op.floats("past_k", past_shape) : room(0),
             past_v = past > 0 ? op.floats("past_v", past_shape) : room(0);

  std::vector<float> y;
  KeysValues made;
  for (index_t b = 0; b < batch; ++b) {
    std::vector<float> all_k = rows_first(past_k.data() + b * past * kv, heads.kv, past, heads.dim);
    std::vector<float> all_v = rows_first(past_v.data() + b * past * kv, heads.kv, past, heads.dim);
    all_k.resize(static_cast<std::size_t>(known * kv));
    all_v.resize(static_cast<std::size_t>(known * kv));
    std::vector<float> found, found_k, found_v;
    op.run([&](auto& be) {
      const Tensor<B> k(be, rows_of(all_k, known, kv)), v(be, rows_of(all_v, known, kv));
      const Tensor<B> in_q(be, View<const float>(x_q.data() + b * queries * width, queries, width)),
          in_kv(be, View<const float>(x_kv.data() + b * keys * width, keys, width));
      const Tensor<B> out(be, rows_of(room(queries * width), queries, width));
      const auto ids_q = put_ids<B>(be, {pos_q.data() + b * queries, queries}),
                 ids_kv = put_ids<B>(be, {pos_kv.data() + b * keys, keys});
      const auto flags = put_flags<B>(be, {allow.data() + b * queries * known, queries, known});
      const View<const std::uint8_t, SpaceOf<B>> table = flags.matrix(queries, known);
      auto frame = be.frame();
      auto rotary_q = frame.template matrix<float>(queries, heads.dim),
           rotary_kv = frame.template matrix<float>(keys, heads.dim);
      be.rotary_table(ids_q.span(), rotary, rotary_q);
      be.rotary_table(ids_kv.span(), rotary, rotary_kv);
      layer.keys_values(be, in_kv.view(), rotary_kv, k.view().row_range(past, keys),
                        v.view().row_range(past, keys));
      auto q = frame.matrix(queries, heads.query_width()), seen = frame.matrix(queries, heads.query_width());
      layer.queries(be, in_q.view(), rotary_q, q);
      AttentionArgsOf<B> args(heads, {}, EmptyRow::uniform);
      const auto add = [&](index_t begin, index_t count) {
        args.add({.keys = k.view().row_range(begin, count),
                  .values = v.view().row_range(begin, count),
                  .visible = Visible::table,
                  .table = table.col_range(begin, count)});
      };
      if (past > 0) add(0, past);
      add(past, keys);
      be.attention(q, seen, args);
      layer.add_output(be, seen, out.view());
      found = read<B>(be, out.view());
      found_k = read<B>(be, k.view());
      found_v = read<B>(be, v.view());
    });
    append(y, found);
    made.append(found_k, found_v, known, heads);
  }
  op.close("y", y, shape_of(batch, queries, width));
  op.close("k", made.k, shape_of(batch, heads.kv, known, heads.dim));
  op.close("v", made.v, shape_of(batch, heads.kv, known, heads.dim));
}

/// A layer whose queries are the rows from first_query on.
template <class B>
void check_decoder_layer(EngineOp<B>& op) {
  const auto s = op.shape("x", 3);
  const index_t batch = s[0], rows = s[1], width = s[2], first = op.params().index("first_query", 0, rows),
                queries = rows - first;
  const float eps = op.eps("rms_norm_eps");
  const DecoderBlock<B> block{RmsNorm<B>(op.vector("input_layernorm.weight"), eps), read_attention<B>(op),
                              RmsNorm<B>(op.vector("post_attention_layernorm.weight"), eps),
                              Ffn<B>(op.weight("mlp.gate_proj.weight"), op.weight("mlp.up_proj.weight"),
                                     op.weight("mlp.down_proj.weight"))};
  const Heads heads = block.attention.heads();
  const std::vector<float> x = op.floats("x");
  const auto pos = op.positions("pos", shape_of(batch, rows));
  const auto allow = op.flags("allow", shape_of(batch, queries, rows));

  std::vector<float> y, attn;
  KeysValues made;
  for (index_t b = 0; b < batch; ++b) {
    std::vector<float> found, projected, k, v;
    op.run([&](auto& be) {
      const Tensor<B> stream(be, View<const float>(x.data() + b * rows * width, rows, width));
      const auto ids = put_ids<B>(be, {pos.data() + b * rows, rows});
      const auto table = put_flags<B>(be, {allow.data() + b * queries * rows, queries, rows});
      const auto moving = stream.view().row_range(first, queries);
      auto frame = be.frame();
      auto rotary = frame.template matrix<float>(rows, heads.dim);
      auto normed = frame.matrix(rows, width);
      auto keys = frame.matrix(rows, heads.kv_width()), values = frame.matrix(rows, heads.kv_width());
      be.rotary_table(ids.span(), {heads.dim, op.theta("rope_theta")}, rotary);
      block.input_norm(be, stream.view(), normed);
      block.attention.keys_values(be, normed, rotary, keys, values);
      AttentionArgsOf<B> args(heads, {}, EmptyRow::uniform);
      args.add(
          {.keys = keys, .values = values, .visible = Visible::table, .table = table.matrix(queries, rows)});
      if constexpr (Probing<decltype(be)>) be.start_keeping();
      block.attend(be, normed.row_range(first, queries), rotary.row_range(first, queries), args, moving);
      block.feed_forward(be, moving);
      if constexpr (Probing<decltype(be)>) projected = be.attention_outputs().front();
      found = read<B>(be, moving);
      k = read<B>(be, keys);
      v = read<B>(be, values);
    });
    append(y, found);
    append(attn, projected);
    made.append(k, v, rows, heads);
  }
  op.close("y", y, shape_of(batch, queries, width));
  if constexpr (Probing<B>) op.close("attn", attn, shape_of(batch, queries, width));
  op.close("k", made.k, shape_of(batch, heads.kv, rows, heads.dim));
  op.close("v", made.v, shape_of(batch, heads.kv, rows, heads.dim));
}

}  // namespace golden
