// A decoder layer of one's own, measured beside ours: docs/bench.md explains it.
#include "../program.hpp"
#include "front.hpp"
#include "proxyv/eigen/backend.hpp"

namespace pv = proxyv;

/// The idea to be measured: the layer as it is, but vision tokens do without the FFN.
template <class B, class Cfg>
class NoVisionFfn {
 public:
  explicit NoVisionFfn(const pv::DecoderBlock<B>& block) : block_(block), plain_(block) {}

  template <class E>
  void operator()(E& be, pv::index_t layer, pv::Stream<B>& s, pv::RowRange wanted) const {
    if (wanted.count != s.rows() || s.vision == 0)
      return plain_(be, layer, s, wanted);  // decoding, and the last row alone
    auto frame = be.frame();
    auto normed = frame.matrix(s.rows(), s.x.cols());
    block_.input_norm(be, s.x, normed);
    block_.attention.keys_values(be, normed, s.rotary, s.cache->keys(layer, 0, s.rows()),
                                 s.cache->values(layer, 0, s.rows()));
    block_.attend(be, normed, s.rotary,
                  pv::causal_over_cache(*s.cache, layer, s.rows(), block_.attention.heads(), s.positions),
                  s.x);
    block_.feed_forward(be, s.x.row_range(s.vision, s.rows() - s.vision));
  }

  const pv::DecoderBlock<B>& block() const { return block_; }

 private:
  pv::DecoderBlock<B> block_;
  pv::DecoderLayer<B, Cfg> plain_;
};

using B = pv::EigenBackend;
using Mine =
    pv::Decoder<B, pv::RuntimeConfig, pv::Stack<pv::dyn, pv::DecoderLayer>, pv::Stack<pv::dyn, NoVisionFfn>>;

int main(int argc, char** argv) {
  CLI::App app{"proxyv bench with a layer of one's own"};
  bench::FrontOptions options;
  bench::add_bench_options(app, options);
  return cli::run_program(app, argc, argv, "own_layer", [&] {
    auto variants = bench::standard_variants<B>();
    variants.add<Mine>("no-vision-ffn", "vision tokens do without the FFN");
    return bench::run_front(options, bench::only(variants, "eigen", "f32"));
  });
}
