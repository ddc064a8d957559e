#include "proxyv/eigen/weighted_sum.hpp"

#include <limits>

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

TEST_CASE("weighted_sum: every width, rows of weight 0 are not looked at") {
  for (index_t dim : {1, 7, 16, 20, 33, 64, 128, 200, 300}) {
    Block values(9, dim, 1);
    std::vector<float> weights{0.5f, 0, 1, 2, 0, -1, 0.25f, 0, 3}, out(static_cast<std::size_t>(dim), 10.f);
    std::vector<float> wanted = out;
    for (index_t k = 0; k < 9; ++k) {
      for (index_t d = 0; d < dim; ++d) {
        if (weights[static_cast<std::size_t>(k)] == 0.f)
          values.view()(k, d) = std::numeric_limits<float>::quiet_NaN();
        else
          wanted[static_cast<std::size_t>(d)] += weights[static_cast<std::size_t>(k)] * values.view()(k, d);
      }
    }
    detail::add_weighted_rows(weights.data(), 9, values.in().data(), values.stride, out.data(), dim);
    CHECK(deviation(out, wanted) < 1e-6);
  }
}

TEST_CASE("weighted_sum: a finished row is a mean, an empty one what was asked for") {
  const std::vector<float> values{1, 2, 3, 6};
  detail::HostAttention args(Heads{1, 1, 1});
  args.add({{values.data(), 4, 1}, {values.data(), 4, 1}, Visible::all, {}, {}});
  float out = 8.f;
  detail::finish_row(detail::Ops::kernels(CpuLevel::portable), args, {1.f, 4.f}, 0, &out);
  CHECK(out == 2.f);
  detail::finish_row(detail::Ops::kernels(CpuLevel::portable), args, {}, 0, &out);
  CHECK(out == 0.f);
  args.empty_row = EmptyRow::uniform;
  detail::finish_row(detail::Ops::kernels(CpuLevel::portable), args, {}, 0, &out);
  CHECK(out == 3.f);
}
