// ReferenceBackend: every op as the plain loop its definition says, sums in double. The judge.
#pragma once

#include <cmath>
#include <limits>

#include "proxyv/backend/concepts.hpp"
#include "proxyv/backend/host_storage.hpp"

namespace proxyv::inline v0 {

/// Slow, short, right. For tests, for teaching, and for finding out which engine is wrong.
class ReferenceBackend : public HostStorage {
 public:
  explicit ReferenceBackend(const HostOptions& options) : HostStorage(options) {}

  void gemm(View<const float> x, Weight<> w, View<float> y, Epilogue<float, HostSpace> e) {
    check::gemm(x, w, y, e);
    for (index_t i = 0; i < y.rows(); ++i) {
      for (index_t j = 0; j < y.cols(); ++j) {
        double sum = e.bias.empty() ? 0.0 : double{e.bias[j]};
        if (e.beta != 0.f) sum += double{y(i, j)};
        for (index_t k = 0; k < x.cols(); ++k) sum += double{x(i, k)} * double{at(w, j, k)};
        y(i, j) = activate(e.act, static_cast<float>(sum));
      }
    }
  }

  void product(View<const float> x, View<const float> z, View<float> y, float beta) {
    check::product(x, z, y, beta);
    for (index_t i = 0; i < y.rows(); ++i) {
      for (index_t j = 0; j < y.cols(); ++j) {
        double sum = beta != 0.f ? double{y(i, j)} : 0.0;
        for (index_t k = 0; k < x.cols(); ++k) sum += double{x(i, k)} * double{z(k, j)};
        y(i, j) = static_cast<float>(sum);
      }
    }
  }

  void rms_norm(View<const float> x, Span<const float> gain, View<float> y, float eps) {
    check::same_shape("rms_norm", x, y);
    check::gain("rms_norm", x, gain);
    for (index_t i = 0; i < x.rows(); ++i) {
      double squares = 0.0;
      for (index_t j = 0; j < x.cols(); ++j) squares += double{x(i, j)} * double{x(i, j)};
      const double scale = 1.0 / std::sqrt(squares / static_cast<double>(x.cols()) + double{eps});
      for (index_t j = 0; j < x.cols(); ++j) y(i, j) = static_cast<float>(double{x(i, j)} * scale * double{gain[j]});
    }
  }

  void layer_norm(View<const float> x, Span<const float> gain, Span<const float> bias, View<float> y, float eps) {
    check::same_shape("layer_norm", x, y);
    check::gain("layer_norm", x, gain);
    check::gain("layer_norm", x, bias);
    const auto n = static_cast<double>(x.cols());
    for (index_t i = 0; i < x.rows(); ++i) {
      double mean = 0.0;
      for (index_t j = 0; j < x.cols(); ++j) mean += double{x(i, j)};
      mean /= n;
      double variance = 0.0;
      for (index_t j = 0; j < x.cols(); ++j) variance += (double{x(i, j)} - mean) * (double{x(i, j)} - mean);
      const double scale = 1.0 / std::sqrt(variance / n + double{eps});
      for (index_t j = 0; j < x.cols(); ++j)
        y(i, j) = static_cast<float>((double{x(i, j)} - mean) * scale * double{gain[j]} + double{bias[j]});
    }
  }

  void rotary_table(Span<const std::int32_t> positions, const Rotary& rotary, View<float> table) {
    check::rotary_table(positions, rotary, table);
    const index_t half = rotary.head_dim / 2;
    for (index_t j = 0; j < half; ++j) {
      const double frequency = rotary.frequency(j);
      for (index_t i = 0; i < positions.size(); ++i) {
        const double angle = static_cast<double>(positions[i]) * frequency;
        table(i, j) = static_cast<float>(std::cos(angle) * rotary.amplitude());
        table(i, half + j) = static_cast<float>(std::sin(angle) * rotary.amplitude());
      }
    }
  }

  void rotate(View<float> x, View<const float> table) {
    check::rotate(x, table);
    const index_t dim = table.cols(), half = dim / 2;
    for (index_t i = 0; i < x.rows(); ++i) {
      for (index_t head = 0; head < x.cols(); head += dim) {
        for (index_t j = 0; j < half; ++j) {
          const float a = x(i, head + j), b = x(i, head + half + j);
          const float c = table(i, j), s = table(i, half + j);
          x(i, head + j) = a * c - b * s;
          x(i, head + half + j) = b * c + a * s;
        }
      }
    }
  }

  void attention(View<const float> q, View<float> o, const AttentionArgs<float, HostSpace>& given) {
    given.check(q, o);
    const auto args = given.only_live();
    const index_t group = args.heads.query / args.heads.kv;
    for (index_t i = 0; i < q.rows(); ++i)
      for (index_t h = 0; h < args.heads.query; ++h) attend(q, o, args, i, h, h / group);
  }

  void attention_weights(View<const float> q, const AttentionArgs<float, HostSpace>& args, View<float> weights) {
    check::attention_weights(q, args, weights);
    const index_t group = args.heads.query / args.heads.kv;
    for (index_t i = 0; i < q.rows(); ++i)
      for (index_t h = 0; h < args.heads.query; ++h) weigh(q, args, i, h, h / group, weights.row(i * args.heads.query + h));
  }

  void swiglu(View<const float> x, Weight<> gate, Weight<> up, View<float> y) {
    check::swiglu(x, gate, up, y);
    for (index_t i = 0; i < y.rows(); ++i) {
      for (index_t j = 0; j < y.cols(); ++j) {
        double g = 0.0, u = 0.0;
        for (index_t k = 0; k < x.cols(); ++k) {
          g += double{x(i, k)} * double{at(gate, j, k)};
          u += double{x(i, k)} * double{at(up, j, k)};
        }
        y(i, j) = static_cast<float>(g / (1.0 + std::exp(-g)) * u);
      }
    }
  }

  void bilinear_pool(View<const float> x, View<float> y, const Grid& grid) {
    grid.check("bilinear_pool", x.rows(), y.rows());
    check_columns("bilinear_pool", x, y);
    const index_t side = grid.side, out = grid.pooled_side();
    for (index_t c = 0; c < grid.crops; ++c) {
      for (index_t i = 0; i < out; ++i) {
        for (index_t j = 0; j < out; ++j) {
          const Taps v = taps(i, grid.factor, side), h = taps(j, grid.factor, side);
          for (index_t k = 0; k < x.cols(); ++k) {
            const auto value = [&](index_t row, index_t col) { return double{x((c * side + row) * side + col, k)}; };
            const double low = value(v.low, h.low) * (1.0 - h.part) + value(v.low, h.high) * h.part;
            const double high = value(v.high, h.low) * (1.0 - h.part) + value(v.high, h.high) * h.part;
            y((c * out + i) * out + j, k) = static_cast<float>(low * (1.0 - v.part) + high * v.part);
          }
        }
      }
    }
  }

  void upsample(View<const float> x, View<float> y, const Grid& grid) {
    grid.check("upsample", y.rows(), x.rows());
    check_columns("upsample", x, y);
    const index_t side = grid.side, small = grid.pooled_side();
    for (index_t row = 0; row < y.rows(); ++row) {
      const index_t c = row / (side * side), i = row / side % side, j = row % side;
      std::copy_n(x.row((c * small + i / grid.factor) * small + j / grid.factor), x.cols(), y.row(row));
    }
  }

  void softmax_rows(View<const float> x, View<float> y, float scale, View<const std::uint8_t> table, EmptyRow empty) {
    check::softmax_rows(x, y, table);
    for (index_t i = 0; i < x.rows(); ++i) {
      const auto visible = [&](index_t j) { return table.empty() || table(i, j) != 0; };
      double top = -std::numeric_limits<double>::infinity();
      bool nothing = true;
      for (index_t j = 0; j < x.cols(); ++j) {
        if (!visible(j)) continue;
        nothing = false;
        top = std::max(top, double{x(i, j)} * double{scale});
      }
      double total = 0.0;
      for (index_t j = 0; j < x.cols(); ++j)
        if (visible(j)) total += std::exp(double{x(i, j)} * double{scale} - top);
      const float blank = nothing && empty == EmptyRow::uniform ? 1.f / static_cast<float>(x.cols()) : 0.f;
      for (index_t j = 0; j < x.cols(); ++j)
        y(i, j) = visible(j) ? static_cast<float>(std::exp(double{x(i, j)} * double{scale} - top) / total) : blank;
    }
  }

  void embed(Weight<> table, Span<const std::int32_t> ids, View<float> y) {
    check::gather("embed", table, ids, y);
    for (index_t i = 0; i < y.rows(); ++i)
      for (index_t j = 0; j < y.cols(); ++j) y(i, j) = at(table, ids[i], j);
  }

  void gather(View<const float> x, Span<const std::int32_t> ids, View<float> y) {
    check::gather("gather", x, ids, y);
    for (index_t i = 0; i < y.rows(); ++i) std::copy_n(x.row(ids[i]), x.cols(), y.row(i));
  }

  void sample(View<const float> logits, const Sampling& how, std::uint64_t step, Span<std::int32_t> next) {
    check::sample(logits, next);
    auto scratch = frame();
    next[0] = sample_token({logits.data(), logits.cols()}, how, step, scratch.span<std::int32_t>(logits.cols()),
                           scratch.span<float>(logits.cols()));
  }

  /// The same with the step's number in memory, as recorded steps have it.
  void sample(View<const float> logits, const Sampling& how, Span<const std::int32_t> step, Span<std::int32_t> next) {
    PROXYV_CHECK(step.size() == 1, ShapeError, "sample: ", step.size(), " step numbers, wanted one");
    sample(logits, how, static_cast<std::uint64_t>(step[0]), next);
  }

 private:
  struct Taps {
    index_t low, high;
    double part;
  };

  /// Where output i of a bilinear reduction reads: half-pixel centres, no antialiasing.
  static Taps taps(index_t i, index_t factor, index_t side) {
    const double source = std::max((static_cast<double>(i) + 0.5) * static_cast<double>(factor) - 0.5, 0.0);
    const auto low = static_cast<index_t>(source);
    return {low, std::min(low + 1, side - 1), source - static_cast<double>(low)};
  }

  template <class X, class Y>
  static void check_columns(const char* op, const X& x, const Y& y) {
    PROXYV_CHECK(x.cols() == y.cols(), ShapeError, op, ": x has ", x.cols(), " columns, y ", y.cols());
  }

  static float at(const Weight<>& w, index_t row, index_t col) {
    return with_dtype(w.type(), [&]<class T>(T) {
      T value;
      std::memcpy(&value, static_cast<const std::byte*>(w.data()) + (row * w.cols() + col) * static_cast<index_t>(sizeof(T)), sizeof(T));
      return to_float(value);
    });
  }

  static bool visible(const AttentionArgs<float, HostSpace>& args, const KeySegment<float, HostSpace>& g, index_t i, index_t k) {
    switch (g.visible) {
      case Visible::all: return true;
      case Visible::causal: return args.query_positions[i] >= g.positions[k];
      case Visible::table: return g.table(i, k) != 0;
      case Visible::self: return i == k;
      case Visible::none: return false;
    }
    return false;
  }

  /// One query row i, query head h, key/value head kv: its weight on every key, 0 on hidden ones.
  static void weigh(View<const float> q, const AttentionArgs<float, HostSpace>& args, index_t i, index_t h, index_t kv, float* weights) {
    const index_t dim = args.heads.dim;
    const auto each = [&](auto&& f) {
      float* weight = weights;
      for (index_t s = 0; s < args.count(); ++s) {
        const auto& g = args[s];
        const index_t live = g.live.empty() ? g.keys.rows() : index_t{g.live[0]};
        for (index_t k = 0; k < g.keys.rows(); ++k, ++weight) {
          if (k >= live || !visible(args, g, i, k)) continue;
          double dot = 0.0;
          for (index_t d = 0; d < dim; ++d) dot += double{q(i, h * dim + d)} * double{g.keys(k, kv * dim + d)};
          f(dot / std::sqrt(static_cast<double>(dim)), *weight);
        }
      }
    };
    std::fill_n(weights, args.keys(), 0.f);
    double top = -std::numeric_limits<double>::infinity(), total = 0.0;
    each([&](double score, float&) { top = std::max(top, score); });
    each([&](double score, float&) { total += std::exp(score - top); });
    each([&](double score, float& weight) { weight = static_cast<float>(std::exp(score - top) / total); });
  }

  /// One query row i, query head h, key/value head kv: two passes over the keys, no scores kept.
  static void attend(View<const float> q, View<float> o, const AttentionArgs<float, HostSpace>& args, index_t i, index_t h, index_t kv) {
    const index_t dim = args.heads.dim;
    const double scale = 1.0 / std::sqrt(static_cast<double>(dim));
    const float* query = q.row(i) + h * dim;
    const auto score = [&](const KeySegment<float, HostSpace>& g, index_t k) {
      double dot = 0.0;
      for (index_t d = 0; d < dim; ++d) dot += double{query[d]} * double{g.keys(k, kv * dim + d)};
      return dot * scale;
    };
    double top = -std::numeric_limits<double>::infinity();
    bool nothing = true;
    for (index_t s = 0; s < args.count(); ++s) {
      for (index_t k = 0; k < args[s].keys.rows(); ++k) {
        if (!visible(args, args[s], i, k)) continue;
        nothing = false;
        top = std::max(top, score(args[s], k));  // a NaN score leaves top and shows in the weights
      }
    }
    const bool uniform_row = nothing && args.empty_row == EmptyRow::uniform;

    double total = 0.0;
    float* out = o.row(i) + h * dim;
    std::fill_n(out, dim, 0.f);
    if (nothing && !uniform_row) return;
    for (index_t s = 0; s < args.count(); ++s)
      for (index_t k = 0; k < args[s].keys.rows(); ++k)
        if (uniform_row || visible(args, args[s], i, k)) total += uniform_row ? 1.0 : std::exp(score(args[s], k) - top);
    for (index_t s = 0; s < args.count(); ++s) {
      for (index_t k = 0; k < args[s].keys.rows(); ++k) {
        if (!uniform_row && !visible(args, args[s], i, k)) continue;
        const double weight = (uniform_row ? 1.0 : std::exp(score(args[s], k) - top)) / total;
        for (index_t d = 0; d < dim; ++d) out[d] += static_cast<float>(weight * double{args[s].values(k, kv * dim + d)});
      }
    }
  }
};

static_assert(Backend<ReferenceBackend> && RankOps<ReferenceBackend> && MergeOps<ReferenceBackend>);

}  // namespace proxyv::inline v0
