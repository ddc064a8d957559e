// Lesson 2. The decoder layer: attention over what came before, then a small network on every row.
// It keeps the keys and values of each token in a cache. So four tokens at once, or one after the
// other, give the same.
#include <cstdio>
#include <vector>

#include "lesson.hpp"
#include "proxyv/proxyv.hpp"

namespace pv = proxyv;
using Engine = lesson::Engine<pv::ReferenceBackend>;
using lesson::Matrix, lesson::noise;

// The sizes of a decoder are a struct of constants; Tiny is a toy of the usual shape.
using Sizes = pv::presets::Tiny;
constexpr pv::Heads heads{.query = Sizes::heads, .kv = Sizes::kv_heads, .dim = Sizes::head_dim};

/// The numbers that training finds. Weights are [out, in].
struct Weights {
  Matrix ones{1, Sizes::hidden, 1.f};
  Matrix q = noise(heads.query_width(), Sizes::hidden, 1, 0.2f), k = noise(heads.kv_width(), Sizes::hidden, 2, 0.2f);
  Matrix v = noise(heads.kv_width(), Sizes::hidden, 3, 0.2f), o = noise(Sizes::hidden, heads.query_width(), 4, 0.2f);
  Matrix gate = noise(Sizes::ffn, Sizes::hidden, 5, 0.2f), up = noise(Sizes::ffn, Sizes::hidden, 6, 0.2f);
  Matrix down = noise(Sizes::hidden, Sizes::ffn, 7, 0.2f);
};

/// A layer is its parts, and the parts are windows into the weights.
pv::DecoderLayer<Engine, Sizes> make_layer(const Weights& w) {
  const pv::RmsNorm<Engine> norm(w.ones.span(), Sizes::norm_eps);
  using Linear = pv::Linear<Engine>;
  return pv::DecoderLayer<Engine, Sizes>(
      {.input_norm = norm,
       .attention = pv::Attention<Engine>({Linear(w.q.weight()), Linear(w.k.weight()), Linear(w.v.weight()), Linear(w.o.weight())}, heads),
       .post_norm = norm,
       .ffn = pv::Ffn<Engine>(w.gate.weight(), w.up.weight(), w.down.weight())});
}

/// Runs the layer on the rows of x that follow what the cache already holds.
void run(Engine& be, const pv::DecoderLayer<Engine, Sizes>& layer, pv::Out<Engine> x, pv::KvCache<Engine>& cache) {
  const pv::index_t past = cache.length(), n = x.rows();
  cache.require(n);         // or a CacheFullError
  auto frame = be.frame();  // scratch memory, given back at the end of this function
  pv::Stream<Engine> stream{.x = x,
                            .vision = 0,
                            .positions = cache.positions(past, n),
                            .rotary = frame.matrix(n, heads.dim),
                            .cache = &cache,
                            .past = past};
  std::vector<std::int32_t> positions;
  for (pv::index_t i = 0; i < n; ++i) positions.push_back(static_cast<std::int32_t>(past + i));
  be.upload(pv::Span<const std::int32_t>(positions.data(), n), cache.positions(past, n));
  be.rotary_table(stream.positions, {heads.dim, Sizes::rope_theta}, stream.rotary);
  layer(be, 0, stream, stream.all());
  cache.commit(n, past + n);
}

int main() {
  const Weights weights;
  const auto layer = make_layer(weights);
  Engine be({.workspace_bytes = 1 << 20});
  const pv::CacheShape one_layer{.layers = 1, .capacity = 8, .width = heads.kv_width()};

  Matrix together = noise(4, Sizes::hidden, 8);
  Matrix apart = together;
  pv::KvCache<Engine> cache(be, one_layer), other(be, one_layer);
  run(be, layer, together.view(), cache);
  for (pv::index_t i = 0; i < 4; ++i) run(be, layer, apart.view().row_range(i, 1), other);
  std::printf("rows in the cache:                %lld\n", static_cast<long long>(cache.length()));
  std::printf("one by one equals all at once:    %s\n", lesson::same(apart.view(), together.view()));

  // A token never sees a later one: change the last, and the first three stay as they were.
  Matrix changed = noise(4, Sizes::hidden, 8);
  changed.view()(3, 0) += 1.f;
  cache.clear();
  run(be, layer, changed.view(), cache);
  std::printf("the first three stayed the same:  %s\n", lesson::same(changed.view().row_range(0, 3), together.view().row_range(0, 3)));
  std::printf("the last changed:                 %s\n",
              lesson::difference(changed.view().row_range(3, 1), together.view().row_range(3, 1)) > 1e-3 ? "yes" : "NO");
}
