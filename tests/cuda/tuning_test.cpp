#include "proxyv/cuda/tuning.hpp"

#include "cuda/calls.hpp"
#include "cuda/decoders.hpp"
#include "support/catch.hpp"

using namespace gpu;
using calls::Call;

namespace {

using B = CudaBackend<bf16>;

struct Product {
  explicit Product(B& be, index_t m = 100, index_t k = 256, index_t n = 192)
      : x(be, small::noise(m, k, 1)), w(be, small::noise(n, k, 2)), y(be, m, n), weight(In<B>(w.view())) {}
  void operator()(B& be, float beta = 0.f) const { be.gemm(x, weight, y, {.beta = beta}); }
  Matrix<B> x, w, y;
  WeightOf<B> weight;
};

}  // namespace

TEST_CASE("tuning: a shape is measured once, and then nothing more is made") {
  NEEDS_GPU();
  B be = engine<bf16>();
  const Product product(be);
  const auto alive = calls::alive();
  CHECK(calls::made_by(Call::blocked, [&] { be.tune([&] { product(be), product(be), product(be); }); }) > 3);
  const auto once = calls::made_by(Call::device_alloc, [&] { be.tune([&] { product(be), product(be, 1.f); }); });
  CHECK(once == 1);  // only the sum is new
  CHECK(calls::made_by(Call::device_alloc, [&] { be.tune([&] { product(be), product(be, 1.f); }); }) == 0);
  CHECK(calls::alive() == alive);
}

TEST_CASE("tuning: the measured plan is one that computes the product") {
  NEEDS_GPU();
  B be = engine<bf16>();
  ReferenceBackend judge({});
  for (const auto& [m, k, n] : {std::array<index_t, 3>{65, 256, 192}, {7, 136, 72}, {300, 64, 8}, {5, 33, 10}}) {
    const Product product(be, m, k, n);
    be.tune([&] { product(be); });
    product(be);
    small::Matrix x = small::noise(m, k, 1), w = small::noise(n, k, 2), y(m, n);
    x.values = rounded<bf16>(x.values), w.values = rounded<bf16>(w.values);
    judge.gemm(x, w.weight(), y, {});
    INFO(m << " x " << k << " x " << n);
    CHECK(small::deviation(values(be, product.y), y.values) < 1e-2);
  }
}

TEST_CASE("tuning: a whole decoder is tuned by running it, and its plans are found again") {
  NEEDS_GPU();
  B be = engine<bf16>();
  const auto model = random_decoder<ProxyDecoder<B>>(be, fast_config(), 3, DType::bf16);
  const Question q(model, {1, tiny::image, 2, 3, 4, 5, 6}, {{2}});
  const Left before = prompted(model, be, q);
  be.tune([&] { static_cast<void>(talk(model, be, q)); });
  const Left after = prompted(model, be, q);
  CHECK(small::deviation(after.logits, before.logits) < 4e-2);
  CHECK(tiny::same(prompted(model, be, q), after));
  const std::string path = "/tmp/proxyv_decoder_plans";
  be.save_plans(path);
  B other = engine<bf16>();
  other.load_plans(path);
  CHECK(tiny::same(prompted(model, other, q), after));
  std::remove(path.c_str());
}
