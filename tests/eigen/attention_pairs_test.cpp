// A prompt's attention with bf16 dot products, kernels (level/attention_pairs.inl) and whole.
#include <bit>

#include "eigen/attention_support.hpp"
#include "eigen/bf16_support.hpp"

using namespace eigen_test;

TEST_CASE("attention in pairs: tiles are the products of rounded numbers") {
  if (missing()) return;
  const detail::CpuKernels& k = detail::Ops::kernels(CpuLevel::avx512bf16);
  std::uint64_t seed = 1;
  for (const index_t depth : {1, 2, 31, 33, 64, 131}) {
    for (const index_t cols : {1, 16, 31, 33, 64}) {
      const Block keys(cols, depth, ++seed, 0), values(depth, cols, ++seed);
      const index_t pairs = (depth + 1) / 2;
      const Buffer<float> key_panel = host_buffer<float>(pairs * k.panel_cols),
                          value_panel = host_buffer<float>(pairs * k.panel_cols),
                          narrow = host_buffer<float>(pairs * k.narrow_cols);
      k.pack_key_pairs(detail::Operand::rows(keys.in().data(), keys.stride), 0, cols, 0, depth,
                       key_panel.data());
      CHECK(k.pack_value_pairs(values.in().data(), values.stride, cols, depth, value_panel.data()));
      for (int rows = 1; rows <= detail::tile_rows; ++rows) {
        const Block x(rows, depth, ++seed);
        std::vector<float> packed(static_cast<std::size_t>(pairs * rows + 64));
        k.pack_row_pairs(x.in().data(), x.stride, rows, depth, packed.data());
        std::vector<float> in_rows(static_cast<std::size_t>(rows * detail::block_depth));
        k.round_rows(x.in().data(), x.stride, rows, depth, in_rows.data());
        Block scores(rows, cols, ++seed), sums = scores, wanted = scores, wanted_sums = scores, thin = scores;
        k.tile_pairs(rows, pairs, packed.data(), key_panel.data(), scores.view().data(), scores.stride, false,
                     cols);
        k.tile_pairs_in_place(rows, pairs, in_rows.data(), detail::block_depth, value_panel.data(),
                              sums.view().data(), sums.stride, true, cols);
        const Block exact = rounded(x), right = rounded(keys), below = rounded(values);
        judge().gemm(exact.in(), Weight<>(right.in()), wanted.view(), {});
        judge().product(exact.in(), below.in(), wanted_sums.view(), 1.f);
        INFO(rows << "x" << depth << "x" << cols);
        CHECK(deviation(scores.memory, wanted.memory) < 2e-6);
        CHECK(deviation(sums.memory, wanted_sums.memory) < 2e-6);
        if (cols > k.narrow_cols) continue;
        CHECK(k.pack_narrow_pairs(values.in().data(), values.stride, cols, depth, narrow.data()));
        k.narrow_tile_pairs(rows, pairs, in_rows.data(), detail::block_depth, narrow.data(),
                            thin.view().data(), thin.stride, cols);
        CHECK(small::same_bits(thin.memory, sums.memory));
      }
    }
  }
}

TEST_CASE("attention in pairs: values infinite once rounded are told") {
  if (missing()) return;
  const detail::CpuKernels& k = detail::Ops::kernels(CpuLevel::avx512bf16);
  Block values(3, 20, 1);
  const Buffer<float> panel = host_buffer<float>(2 * k.panel_cols);
  for (const float broken :
       {3.4e38f, -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    values.view()(2, 19) = broken;
    CHECK_FALSE(k.pack_value_pairs(values.in().data(), values.stride, 20, 3, panel.data()));
    CHECK_FALSE(k.pack_narrow_pairs(values.in().data(), values.stride, 20, 3, panel.data()));
  }
}

TEST_CASE("attention in pairs: weights are powers of two to 1.1e-4, rounded, hidden ones 0") {
  if (missing()) return;
  const detail::CpuKernels& k = detail::Ops::kernels(CpuLevel::avx512bf16);
  double worst = 0.0, worst_rounded = 0.0;
  for (int rows = 1; rows <= detail::tile_rows; ++rows) {
    for (const index_t n : {1, 16, 17, 40, 1024}) {
      const index_t whole = (n + k.lanes - 1) / k.lanes * k.lanes;
      Block scores(rows, whole, static_cast<std::uint64_t>(n), 0), out(rows, 3, 5);
      std::vector<detail::OnlineRow> states(static_cast<std::size_t>(rows));
      for (index_t r = 0; r < rows; ++r) {
        for (index_t i = 0; i < whole; ++i)
          scores.view()(r, i) =
              i % 7 == 5 || i >= n ? -std::numeric_limits<float>::infinity() : scores.view()(r, i) * 9.f;
        states[static_cast<std::size_t>(r)] = {1.f, 2.f};
      }
      const Block before = out, given = scores;
      k.weigh_pairs(states.data(), scores.view().data(), scores.stride, rows, n, 0.5f, out.view().data(),
                    out.stride, 3);
      for (index_t r = 0; r < rows; ++r) {
        const detail::OnlineRow& state = states[static_cast<std::size_t>(r)];
        const float top = std::max(1.f, 0.5f * *std::max_element(given.in().row(r), given.in().row(r) + n));
        CHECK(state.top == top);
        CHECK(out.in()(r, 2) == Approx(before.in()(r, 2) * std::exp2(1.f - top)));
        double sum = 2.0 * std::exp2(1.0 - double{top});
        for (index_t i = 0; i < n; ++i) {
          const double weight = std::exp2(0.5 * double{given.in()(r, i)} - double{top});
          sum += weight;
          std::uint32_t pair;
          std::memcpy(&pair, scores.in().row(r) + i / 2, sizeof pair);
          const float found = std::bit_cast<float>(i % 2 == 0 ? pair << 16 : pair & 0xffff0000u);
          if (weight == 0.0) CHECK(found == 0.f);
          else worst_rounded = std::max(worst_rounded, std::abs(double{found} - weight) / weight);
        }
        worst = std::max(worst, std::abs(double{state.sum} - sum) / sum);
      }
    }
  }
  CHECK(worst < 1.2e-4);
  CHECK(worst > 1e-6);  // otherwise this measures nothing
  CHECK(worst_rounded < 0x1p-8 + 1.2e-4);
}

TEST_CASE("attention in pairs: any head, group, mask and order within 6e-3, on any threads") {
  if (missing()) return;
  const Heads all[] = {{1, 1, 33}, {4, 2, 16}, {3, 1, 80},  {2, 2, 1},  {2, 1, 128}, {2, 2, 32},
                       {1, 1, 96}, {1, 1, 95}, {20, 1, 64}, {2, 2, 17}, {1, 1, 161}};
  for (const Heads& heads : all) {
    for (bool sorted : {true, false}) {
      for (EmptyRow empty : {EmptyRow::zero, EmptyRow::uniform}) {
        Problem p(61, 131, heads, sorted, empty);
        std::fill(p.query_positions.begin(), p.query_positions.begin() + 5, -1);
        p.add(131, Visible::causal);
        p.add(131, Visible::table);
        if (empty == EmptyRow::zero) p.add(17, Visible::all);
        const Block wanted = p.wanted();
        auto one = rounding(1), three = rounding(3);
        const Block found = p.found(one);
        INFO(heads.query << "/" << heads.kv << " heads of " << heads.dim << (sorted ? " sorted" : ""));
        CHECK(deviation(found.memory, wanted.memory) < 6e-3);
        CHECK(deviation(found.memory, wanted.memory) > 1e-5);  // otherwise it was not rounded
        CHECK(small::same_bits(p.found(three).memory, found.memory));
      }
    }
  }
}

TEST_CASE("attention in pairs: several blocks of keys, units and parts of a prompt") {
  if (missing()) return;
  Problem p(1700, 2500, {2, 1, 12}, true);
  for (index_t i = 0; i < 300; ++i)
    p.key_positions[static_cast<std::size_t>(2200 + i)] = static_cast<std::int32_t>(i * 9);
  p.add(2500, Visible::causal);
  auto one = rounding(1), two = rounding(2);
  const Block found = p.found(one);
  CHECK(deviation(found.memory, p.wanted().memory) < 6e-3);
  CHECK(small::same_bits(p.found(two).memory, found.memory));
}

TEST_CASE("attention in pairs: few queries and heads too large to pack are floats") {
  if (missing()) return;
  EigenBackend floats(HostOptions{.workspace_bytes = 1 << 20}, CpuLevel::avx512);
  auto pairs = rounding(1);
  Problem few(6, 200, {2, 1, 64}, true), large(14, 6, {1, 1, 1030}, true),
      largest(14, 200, {1, 1, 1024}, true);
  for (Problem* p : {&few, &large, &largest})
    p->add(static_cast<index_t>(p->key_positions.size()), Visible::causal);
  CHECK(small::same_bits(few.found(pairs).memory, few.found(floats).memory));
  CHECK(small::same_bits(large.found(pairs).memory, large.found(floats).memory));
  CHECK(deviation(largest.found(pairs).memory, largest.wanted().memory) < 6e-3);
}

TEST_CASE("attention in pairs: what is hidden may be anything, what is seen may round to infinity") {
  if (missing()) return;
  auto be = rounding(1);
  Problem p(50, 100, {2, 1, 16}, true);
  p.add(100, Visible::causal);
  for (index_t k = 60; k < 100; ++k)
    for (index_t d = 0; d < 16; ++d) {
      p.memory[0]->view()(k, d) = std::numeric_limits<float>::quiet_NaN();
      p.memory[1]->view()(k, d) = k % 2 == 0 ? std::numeric_limits<float>::quiet_NaN() : 3.4e38f;
    }
  const Block found = p.found(be);
  bool clean = true, shown = true;
  for (index_t i = 0; i < 50; ++i)
    for (index_t j = 0; j < 32; ++j)
      if (p.query_positions[static_cast<std::size_t>(i)] < 60) clean &= std::isfinite(found.in()(i, j));
      else shown &= std::isnan(found.in()(i, j));
  CHECK(clean);
  CHECK(shown);
  Problem huge(20, 30, {1, 1, 16}, true);
  huge.add(30, Visible::all);
  huge.memory[1]->view()(7, 3) = 3.4e38f;
  for (index_t k = 0; k < 30; ++k)
    if (k != 7) huge.memory[1]->view()(k, 3) = 0.f;
  CHECK(deviation(huge.found(be).memory, huge.wanted().memory) < 6e-3);
}
