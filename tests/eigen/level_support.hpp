// A level's kernels against the portable ones, on random odd shapes.
#pragma once

#include <limits>
#include <string>

#include "eigen/eigen_support.hpp"
#include "proxyv/eigen/levels.hpp"
#include "support/catch.hpp"

namespace eigen_test {

/// A tile of the level equals the products in double, for every height and type, from packed rows and from
/// rows as they lie.
inline void check_tiles(const detail::CpuKernels& k) {
  std::uint64_t seed = 1;
  for (DType type : {DType::f32, DType::bf16, DType::f16}) {
    for (index_t depth : {1, 7, 16, 33, 64, 131}) {
      const index_t cols = 1 + static_cast<index_t>(++seed % static_cast<std::uint64_t>(k.panel_cols));
      const RawWeight w(cols, depth, type, seed);
      const Buffer<float> panel = host_buffer<float>(depth * k.panel_cols);
      k.pack_panel(detail::Operand::weight(w.weight), 0, cols, 0, depth, panel.data());
      for (int rows = 1; rows <= detail::tile_rows; ++rows) {
        const Block x(rows, depth, ++seed);
        Block y(rows, cols, ++seed);
        Block wanted = y, in_place = y, widened = y;
        std::vector<float> packed(static_cast<std::size_t>(depth * rows + 64));
        k.pack_rows(x.in().data(), x.stride, rows, depth, packed.data());
        const bool add = seed % 2 == 0;
        k.tile(rows, depth, packed.data(), panel.data(), y.view().data(), y.stride, add, cols);
        k.tile_in_place(rows, depth, x.in().data(), x.stride, panel.data(), in_place.view().data(),
                        in_place.stride, add, cols);
        judge().gemm(x.in(), w.weight, wanted.view(), {Act::none, add ? 1.f : 0.f, {}});
        INFO(rows << "x" << depth << "x" << cols << " " << dtype_name(type));
        CHECK(deviation(y.memory, wanted.memory) < 2e-6);
        CHECK(small::same_bits(y.memory, in_place.memory));
        if (type == DType::bf16 && rows >= detail::tile_rows - 1) {
          const Buffer<float> pairs = host_buffer<float>((depth + 1) / 2 * k.panel_cols);
          k.pack_weight_panel(detail::Operand::weight(w.weight), 0, cols, 0, depth,
                              reinterpret_cast<std::byte*>(pairs.data()));
          k.tile_widened(rows, depth, x.in().data(), x.stride, pairs.data(), widened.view().data(),
                         widened.stride, add, cols);
          CHECK(small::same_bits(y.memory, widened.memory));
        }
      }
    }
  }
}

/// Packed weights of every type: one row, few and many, odd sizes.
inline void check_packed(CpuLevel level) {
  HostOptions options;
  options.threads = 2;
  options.workspace_bytes = 1 << 20;
  EigenBackend be(options, level);
  std::uint64_t seed = 1;
  for (DType type : {DType::f32, DType::bf16, DType::f16}) {
    for (index_t rows : {1, 5, 40, 245}) {
      for (index_t depth : {1, 34, 523}) {
        const index_t cols = 1 + static_cast<index_t>(++seed % 150);
        const RawWeight w(cols, depth, type, seed);
        const PackedWeight packed(be, w.weight);
        const Block x(rows, depth, ++seed);
        Block y(rows, cols, ++seed);
        Block wanted = y;
        const Epilogue<float, HostSpace> e{static_cast<Act>(seed % 4), static_cast<float>(seed / 4 % 2), {}};
        be.gemm(x.in(), packed.weight, y.view(), e);
        judge().gemm(x.in(), w.weight, wanted.view(), e);
        INFO(rows << "x" << depth << "x" << cols << " " << dtype_name(type));
        CHECK(deviation(y.memory, wanted.memory) < 2e-6);
      }
    }
  }
}

/// Narrow tiles, where the level has them: sums as those of whole ones, and no column written beyond the
/// head.
inline void check_narrow(const detail::CpuKernels& k) {
  for (index_t cols = 1; cols <= k.narrow_cols; cols += 5) {
    for (index_t depth : {1, 40, 131}) {
      const auto seed = static_cast<std::uint64_t>(cols * 1000 + depth);
      Block z(depth, cols, seed);
      const Buffer<float> panel = host_buffer<float>(depth * k.narrow_cols);
      CHECK(k.pack_narrow(z.in().data(), z.stride, cols, depth, panel.data()));
      for (int rows = 1; rows <= detail::tile_rows; ++rows) {
        const Block x(rows, depth, seed + 1);
        Block y(rows, cols, seed + 2);
        Block wanted = y, in_place = y;
        k.narrow_tile(rows, depth, x.in().data(), x.stride, panel.data(), y.view().data(), y.stride, cols);
        judge().product(x.in(), z.in(), wanted.view(), 1.f);
        INFO(rows << "x" << depth << "x" << cols);
        CHECK(deviation(y.memory, wanted.memory) < 2e-6);
      }
      z.view()(depth - 1, cols - 1) = std::numeric_limits<float>::infinity();
      CHECK_FALSE(k.pack_narrow(z.in().data(), z.stride, cols, depth, panel.data()));
    }
  }
}

/// Row kernels of the level beside the portable ones, lengths around every vector's edge.
inline void check_rows(const detail::CpuKernels& k) {
  const detail::CpuKernels& plain = detail::portable::kernels;
  for (index_t n : {1, 3, 8, 15, 16, 17, 31, 64, 100, 129}) {
    const auto seed = static_cast<std::uint64_t>(n);
    Block a(2, n, seed, 0), b = a;
    const Block gain(1, n, seed + 1, 0), bias(1, n, seed + 2, 0);
    INFO(n);
    for (Act act : {Act::none, Act::silu, Act::gelu, Act::quick_gelu}) {
      k.finish_tile(act, bias.in().data(), a.view().data(), a.stride, 2, n);
      plain.finish_tile(act, bias.in().data(), b.view().data(), b.stride, 2, n);
      CHECK(deviation(a.memory, b.memory) < 1e-6);
    }
    k.rms_norm_row(a.in().row(0), gain.in().data(), a.view().row(1), n, 1e-5f);
    plain.rms_norm_row(b.in().row(0), gain.in().data(), b.view().row(1), n, 1e-5f);
    CHECK(deviation(a.memory, b.memory) < 2e-6);
    k.softmax_row(a.in().row(0), a.view().row(1), n, 3.f, nullptr, EmptyRow::zero);
    plain.softmax_row(b.in().row(0), b.view().row(1), n, 3.f, nullptr, EmptyRow::zero);
    CHECK(deviation(a.memory, b.memory) < 2e-6);
    detail::OnlineRow mine, theirs;
    float out = 0.f, other = 0.f;
    k.online_step(mine, a.view().row(0), n, 2.f, &out, 1);
    plain.online_step(theirs, b.view().row(0), n, 2.f, &other, 1);
    CHECK(mine.top == Approx(theirs.top));
    CHECK(mine.sum == Approx(theirs.sum).epsilon(1e-5));
    CHECK(deviation(a.memory, b.memory) < 2e-6);
  }
}

/// One query against a few keys, all heads: scores and weighted values as loops have them.
inline void check_direct(const detail::CpuKernels& k) {
  const Heads all[] = {{1, 1, 1}, {6, 2, 5}, {3, 3, 16}, {4, 2, 33}, {2, 1, 64}, {5, 5, 100}};
  for (const Heads& heads : all) {
    for (index_t n : {1, 4, 7}) {
      const Block q(1, heads.query_width(), 1), keys(n, heads.kv_width(), 2);
      Block values(n, heads.kv_width(), 3), scores(heads.query, n, 4), out(1, heads.query_width(), 5, 0);
      const index_t hidden = n / 2;
      for (index_t c = 0; n > 1 && c < values.cols; ++c)
        values.view()(hidden, c) = std::numeric_limits<float>::quiet_NaN();
      std::vector<float> wanted_scores, found_scores;
      Block wanted = out;
      k.key_scores(heads, q.in().data(), keys.in().data(), keys.stride, n, scores.view().data(),
                   scores.stride);
      for (index_t h = 0; h < heads.query; ++h) {
        const index_t at = h / (heads.query / heads.kv) * heads.dim;
        for (index_t i = 0; i < n; ++i) {
          double sum = 0.0;
          for (index_t d = 0; d < heads.dim; ++d)
            sum += double{q.in()(0, h * heads.dim + d)} * double{keys.in()(i, at + d)};
          wanted_scores.push_back(static_cast<float>(sum));
          found_scores.push_back(scores.in()(h, i));
          if (n > 1 && i == hidden) scores.view()(h, i) = 0.f;
          for (index_t d = 0; d < heads.dim && scores.in()(h, i) != 0.f; ++d)
            wanted.view()(0, h * heads.dim + d) += scores.in()(h, i) * values.in()(i, at + d);
        }
      }
      k.add_key_values(heads, scores.in().data(), scores.stride, values.in().data(), values.stride, n,
                       out.view().data());
      INFO(heads.query << " heads over " << heads.kv << " of " << heads.dim << ", " << n << " keys");
      CHECK(deviation(found_scores, wanted_scores) < 1e-6);
      CHECK(deviation(out.memory, wanted.memory) < 2e-6);
    }
  }
}

/// The level's tests, or a line that says that this CPU cannot run them.
inline void check_level(CpuLevel level) {
  if (!cpu_has(level)) {
    WARN("this CPU or this build lacks " << cpu_level_name(level) << ": its kernels were not tried");
    return;
  }
  const detail::CpuKernels& k = detail::Ops::kernels(level);
  check_tiles(k);
  check_rows(k);
  check_packed(level);
  check_direct(k);
  check_narrow(k);
}

}  // namespace eigen_test
