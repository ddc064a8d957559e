// Unit operations of plain decoder layers: norm, rotary embedding, FFN, masked softmax, attention, a layer.
#pragma once

#include "golden/model_states.hpp"
#include "golden/unit_op.hpp"
#include "proxyv/layers/decoder_layer.hpp"

namespace golden {

template <class B>
void check_rms_norm(UnitOp& op) {
  const auto shape = op.file().shape(op.tensor("x"));
  const Span<const float> gain = op.vector("weight");
  std::vector<float> x = op.floats("x");
  const index_t rows = static_cast<index_t>(x.size()) / std::max<index_t>(1, gain.size());
  const View<float> view(x.data(), rows, gain.size());
  op.run<B>([&](auto& be) { RmsNorm<B>(gain, op.eps("eps"))(be, view, view); });
  op.close("y", x, Shape(shape.begin(), shape.end()));
}

template <class B>
void check_rope(UnitOp& op) {
  const auto s = op.shape("x", 4);  // rows of the batch, heads, tokens, head size
  const std::vector<float> x = op.floats("x");
  const auto positions = op.positions("positions", shape_of(s[0], s[2]));
  const Rotary rotary{s[3], op.theta("theta")};
  std::vector<float> found;
  for (index_t b = 0; b < s[0]; ++b) {
    std::vector<float> rows = rows_first(x.data() + b * s[1] * s[2] * s[3], s[1], s[2], s[3]);
    const View<float> view(rows.data(), s[2], s[1] * s[3]);
    op.run<B>([&](auto& be) {
      auto frame = be.frame();
      auto table = frame.matrix(s[2], s[3]);
      be.rotary_table(Ids<B>(positions.data() + b * s[2], s[2]), rotary, table);
      be.rotate(view, table);
    });
    const auto heads = heads_first(view, s[3]);
    found.insert(found.end(), heads.begin(), heads.end());
  }
  op.close("y", found, shape_of(s[0], s[1], s[2], s[3]));
}

template <class B>
void check_swiglu(UnitOp& op) {
  const auto shape = op.file().shape(op.tensor("x"));
  const Ffn<B> ffn(op.weight("gate"), op.weight("up"), op.weight("down"));
  const index_t width = op.shape("down", 2)[0];
  const std::vector<float> x = op.floats("x");
  std::vector<float> y(x.size());
  const index_t rows = static_cast<index_t>(x.size()) / std::max<index_t>(1, width);
  op.run<B>([&](auto& be) { ffn.add_to(be, In<B>(x.data(), rows, width), Out<B>(y.data(), rows, width)); });
  op.close("y", y, Shape(shape.begin(), shape.end()));
}

template <class B>
void check_masked_softmax(UnitOp& op) {
  const auto s = op.shape("scores", 4);  // rows of the batch, heads, queries, keys
  const index_t queries = s[2], keys = s[3];
  const auto allow = op.flags("allow", shape_of(s[0], queries, keys));
  const EmptyRow empty =
      op.params().text_or("empty_row", "uniform") == "zero" ? EmptyRow::zero : EmptyRow::uniform;
  std::vector<float> scores = op.floats("scores");
  op.run<B>([&](auto& be) {
    for (index_t i = 0; i < s[0] * s[1]; ++i) {
      const View<float> matrix(scores.data() + i * queries * keys, queries, keys);
      be.softmax_rows(matrix, matrix, 1.f,
                      View<const std::uint8_t>(allow.data() + i / s[1] * queries * keys, queries, keys),
                      empty);
    }
  });
  op.close("p", scores, shape_of(s[0], s[1], queries, keys));
}

/// The four projections under "self_attn."; biases where the file has them.
template <class B>
Attention<B> read_attention(UnitOp& op) {
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

template <class B>
void check_attention(UnitOp& op) {
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

  std::vector<float> y = room(batch * queries * width), k, v;
  for (index_t b = 0; b < batch; ++b) {
    std::vector<float> all_k = rows_first(past_k.data() + b * past * kv, heads.kv, past, heads.dim);
    std::vector<float> all_v = rows_first(past_v.data() + b * past * kv, heads.kv, past, heads.dim);
    all_k.resize(static_cast<std::size_t>(known * kv));
    all_v.resize(static_cast<std::size_t>(known * kv));
    const Out<B> keys_of(all_k.data(), known, kv), values_of(all_v.data(), known, kv);
    const View<const std::uint8_t> table(allow.data() + b * queries * known, queries, known);
    op.run<B>([&](auto& be) {
      auto frame = be.frame();
      auto rotary_q = frame.matrix(queries, heads.dim), rotary_kv = frame.matrix(keys, heads.dim);
      be.rotary_table(Ids<B>(pos_q.data() + b * queries, queries), rotary, rotary_q);
      be.rotary_table(Ids<B>(pos_kv.data() + b * keys, keys), rotary, rotary_kv);
      layer.keys_values(be, In<B>(x_kv.data() + b * keys * width, keys, width), rotary_kv,
                        keys_of.row_range(past, keys), values_of.row_range(past, keys));
      auto q = frame.matrix(queries, heads.query_width()), seen = frame.matrix(queries, heads.query_width());
      layer.queries(be, In<B>(x_q.data() + b * queries * width, queries, width), rotary_q, q);
      AttentionArgsOf<B> args(heads, {}, EmptyRow::uniform);
      const auto add = [&](index_t begin, index_t count) {
        args.add({.keys = keys_of.row_range(begin, count),
                  .values = values_of.row_range(begin, count),
                  .visible = Visible::table,
                  .table = table.col_range(begin, count)});
      };
      if (past > 0) add(0, past);
      add(past, keys);
      be.attention(q, seen, args);
      layer.add_output(be, seen, Out<B>(y.data() + b * queries * width, queries, width));
    });
    for (const auto& [rows, out] : {std::pair{keys_of, &k}, std::pair{values_of, &v}}) {
      const auto heads_of = heads_first(rows, heads.dim);
      out->insert(out->end(), heads_of.begin(), heads_of.end());
    }
  }
  op.close("y", y, shape_of(batch, queries, width));
  op.close("k", k, shape_of(batch, heads.kv, known, heads.dim));
  op.close("v", v, shape_of(batch, heads.kv, known, heads.dim));
}

/// A layer whose queries are the rows from first_query on.
template <class B>
void check_decoder_layer(UnitOp& op) {
  const auto s = op.shape("x", 3);
  const index_t batch = s[0], rows = s[1], width = s[2], first = op.params().index("first_query", 0, rows),
                queries = rows - first;
  const float eps = op.eps("rms_norm_eps");
  const DecoderBlock<B> block{RmsNorm<B>(op.vector("input_layernorm.weight"), eps), read_attention<B>(op),
                              RmsNorm<B>(op.vector("post_attention_layernorm.weight"), eps),
                              Ffn<B>(op.weight("mlp.gate_proj.weight"), op.weight("mlp.up_proj.weight"),
                                     op.weight("mlp.down_proj.weight"))};
  const Heads heads = block.attention.heads();
  std::vector<float> x = op.floats("x");
  const auto pos = op.positions("pos", shape_of(batch, rows));
  const auto allow = op.flags("allow", shape_of(batch, queries, rows));

  std::vector<float> y, attn, k, v;
  for (index_t b = 0; b < batch; ++b) {
    const Out<B> stream(x.data() + b * rows * width, rows, width), moving = stream.row_range(first, queries);
    const View<const std::uint8_t> table(allow.data() + b * queries * rows, queries, rows);
    op.run<B>([&](auto& be) {
      auto frame = be.frame();
      auto rotary = frame.matrix(rows, heads.dim), normed = frame.matrix(rows, width);
      auto keys = frame.matrix(rows, heads.kv_width()), values = frame.matrix(rows, heads.kv_width());
      be.rotary_table(Ids<B>(pos.data() + b * rows, rows), {heads.dim, op.theta("rope_theta")}, rotary);
      block.input_norm(be, stream, normed);
      block.attention.keys_values(be, normed, rotary, keys, values);
      AttentionArgsOf<B> args(heads, {}, EmptyRow::uniform);
      args.add({.keys = keys, .values = values, .visible = Visible::table, .table = table});
      if constexpr (requires { be.record(); }) be.record();
      block.attend(be, normed.row_range(first, queries), rotary.row_range(first, queries), args, moving);
      block.feed_forward(be, moving);
      if constexpr (requires { be.record(); }) {
        const auto& projected = be.attention_outputs().front();
        attn.insert(attn.end(), projected.begin(), projected.end());
        append_rows(y, moving);
        for (const auto& part :
             {std::pair{heads_first(keys, heads.dim), &k}, std::pair{heads_first(values, heads.dim), &v}})
          part.second->insert(part.second->end(), part.first.begin(), part.first.end());
      }
    });
  }
  op.close("y", y, shape_of(batch, queries, width));
  op.close("attn", attn, shape_of(batch, queries, width));
  op.close("k", k, shape_of(batch, heads.kv, rows, heads.dim));
  op.close("v", v, shape_of(batch, heads.kv, rows, heads.dim));
}

}  // namespace golden
