// The part of the suite about ranking and merging rows (RankOps, MergeOps): which rows are chosen must be
// equal to the last index, with ties and scores that are not numbers among them.
#pragma once

#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "proxyv/backend/testing_data.hpp"

namespace proxyv::inline v0 {
namespace testing {
namespace detail {

/// Hands each comparison to add(op, text, error, bound).
template <class B, class Add>
class RankSuite {
 public:
  RankSuite(B& be, Random& random, Add add)
      : be_(be), random_(random), add_(std::move(add)), host_({.workspace_bytes = 1 << 20}) {}

  void round() {
    if constexpr (RankOps<B>) {
      weights();
      sums();
      best();
      numbers();
    }
    if constexpr (MergeOps<B>) merging();
  }

 private:
  using S = SpaceOf<B>;
  using Numbers32 = std::vector<std::int32_t>;

  /// Floats in the engine's memory, whatever its elements are.
  struct Floats {
    Floats(B& be, index_t rows_, index_t cols_, Host values)
        : rows(rows_), cols(cols_), host(std::move(values)) {
      Numbers32 bits(host.size());
      if (!host.empty()) std::memcpy(bits.data(), host.data(), host.size() * sizeof(float));
      memory = std::make_unique<IdMemory<B>>(be, bits);
    }
    Table<B> view() const { return {reinterpret_cast<float*>(memory->memory.data()), rows, cols}; }
    View<float> twin() { return {host.data(), rows, cols}; }

    index_t rows, cols;
    Host host;
    std::unique_ptr<IdMemory<B>> memory;
  };
  Floats floats(index_t rows, index_t cols) {
    Host values(static_cast<std::size_t>(rows * cols));
    for (float& v : values) v = random_.value();
    return Floats(be_, rows, cols, std::move(values));
  }

  /// Tables are float, made from elements that were rounded before both read them: one bound for all element
  /// types.
  void close(const char* op, std::string text, Floats& y, double bound) {
    Host found(y.host.size());
    const Numbers32 bits = received(*y.memory);
    if (!found.empty()) std::memcpy(found.data(), bits.data(), bits.size() * sizeof(float));
    add_(op, std::move(text), relative_error(y.host, found), bound);
  }
  Numbers32 received(const IdMemory<B>& ids) {
    Numbers32 out(static_cast<std::size_t>(ids.memory.size()));
    be_.download(Ids<B>(ids.memory.span()), Span<std::int32_t>(out.data(), ids.memory.size()));
    be_.sync();
    return out;
  }
  void same(const char* op, std::string text, const Numbers32& wanted, const IdMemory<B>& found) {
    add_(op, std::move(text), wanted == received(found) ? 0.0 : std::numeric_limits<double>::infinity(), 0.0);
  }
  static Span<std::int32_t> span(Numbers32& x) { return {x.data(), static_cast<index_t>(x.size())}; }
  IdMemory<B> unknown(std::size_t n) { return IdMemory<B>(be_, Numbers32(n, -7)); }

  void weights() {
    const index_t kv = 1 + random_.below(2), queries = random_.pick<index_t>({1, 2, 5});
    const Heads heads{kv * random_.pick<index_t>({1, 3}), kv, random_.pick<index_t>({1, 5, 16, 33, 64, 128})};
    Numbers32 positions;
    for (index_t i = 0; i < queries; ++i)
      positions.push_back(static_cast<std::int32_t>(random_.below(110)) - 5);
    const IdMemory<B> ids(be_, positions);
    AttentionArgs<float, HostSpace> args(heads, {positions.data(), queries});
    AttentionArgsOf<B> engine_args(heads, Ids<B>(ids.data(), queries));
    std::vector<std::unique_ptr<Segment<B>>> segments;
    std::string text = std::to_string(queries) + " queries, " + std::to_string(heads.query) + " heads of " +
                       std::to_string(heads.dim) + ", keys";
    for (index_t s = random_.below(3); s >= 0; --s) {
      const index_t keys = random_.pick<index_t>({0, 1, 3, 17, 64, 65, 200});
      segments.push_back(std::make_unique<Segment<B>>(be_, random_, queries, keys, heads,
                                                      static_cast<Visible>(random_.below(3))));
      args.add(segments.back()->twin(queries));
      engine_args.add(segments.back()->segment(queries));
      text += " " + std::to_string(keys);
    }
    Tensor<B> q(be_, random_, queries, heads.query_width(), 2.f);
    Floats y = floats(queries * heads.query, args.keys());
    be_.attention_weights(q.view(), engine_args, y.view());
    host_.attention_weights(q.twin(), args, y.twin());
    close("attention_weights", text, y, 5e-6);
  }

  void sums() {
    const index_t rows = random_.some(), cols = random_.some();
    Host weights(static_cast<std::size_t>(rows * cols));  // none below 0: the error of a sum is measured by the sum
    for (float& v : weights) v = std::abs(random_.value());
    Floats x(be_, rows, cols, std::move(weights)), y = floats(1, cols);
    be_.sum_rows(x.view(), 0.25f, y.view());
    host_.sum_rows(x.twin(), 0.25f, y.twin());
    close("sum_rows", std::to_string(x.rows) + "x" + std::to_string(x.cols), y, 4e-6);
  }

  void best() {
    const index_t n = random_.coin() ? random_.size() : random_.pick<index_t>({255, 256, 257, 700}),
                  k = random_.below(n + 1), always = random_.below(std::min<index_t>(k, 2) + 1),
                  base = random_.below(50);
    Host values(static_cast<std::size_t>(n));
    const index_t levels = random_.pick<index_t>({1, 3, 1000000});  // ties, or none
    for (float& v : values)
      v = random_.below(20) == 0 ? not_a_number : static_cast<float>(random_.below(levels)) - 0.f;
    Floats scores(be_, 1, n, values);
    Numbers32 wanted(static_cast<std::size_t>(k));
    const IdMemory<B> kept = unknown(wanted.size());
    be_.keep_top(scores.view(), always, kept.memory.span(), base);
    host_.keep_top(scores.twin(), always, span(wanted), base);
    same("keep_top",
         std::to_string(k) + " of " + std::to_string(n) + ", " + std::to_string(levels) + " levels", wanted,
         kept);
  }

  void numbers() {
    const index_t n = random_.coin() ? random_.size() : random_.pick<index_t>({255, 257, 700});
    Numbers32 x(static_cast<std::size_t>(n)), wanted(x.size()), kept;
    for (index_t i = 0; i < n; ++i) {
      x[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(random_.below(n));
      if (random_.coin()) kept.push_back(static_cast<std::int32_t>(i));
    }
    const IdMemory<B> from(be_, x), which(be_, kept);
    const std::string text = std::to_string(n);
    const auto compare = [&](const char* op, auto&& work) {
      const IdMemory<B> to = unknown(wanted.size());
      work(be_, Ids<B>(from.memory.span()), Ids<B>(which.memory.span()), to.memory.span());
      work(host_, Span<const std::int32_t>(span(x)), Span<const std::int32_t>(span(kept)), span(wanted));
      same(op, text, wanted, to);
    };
    compare("renumber", [](auto& be, auto a, auto, auto to) { be.renumber(a, to); });
    compare("hide_others", [](auto& be, auto a, auto few, auto to) { be.hide_others(a, few, to); });
    compare("copy of numbers", [](auto& be, auto a, auto, auto to) { be.copy(a, to); });
    wanted.resize(kept.size());
    compare("pick", [](auto& be, auto a, auto few, auto to) { be.pick(a, few, to); });
  }

  void merging() {
    const index_t heads = random_.pick<index_t>({1, 2, 3}), width = random_.pick<index_t>({1, 5, 32, 64}),
                  rows = 2 + random_.some();
    Tensor<B> keys(be_, random_, rows, heads * width);
    Floats mean = floats(rows, width);
    be_.head_mean(keys.view(), heads, mean.view());
    host_.head_mean(keys.twin(), heads, mean.twin());
    close("head_mean", std::to_string(rows) + "x" + std::to_string(heads) + "x" + std::to_string(width), mean,
          1e-6);

    Numbers32 kept;
    for (index_t i = 0; i + 2 < rows; ++i)
      if (random_.below(3) == 0) kept.push_back(static_cast<std::int32_t>(i));
    const auto rest = rows - static_cast<index_t>(kept.size()), count = 1 + random_.below(rest);
    Host values(static_cast<std::size_t>(rows * width));
    for (float& v : values) v = random_.value();
    for (index_t i = 1; i < rows; ++i)  // exact ties, and rows of zeros
      if (random_.below(4) == 0)
        for (index_t j = 0; j < width; ++j)
          values[static_cast<std::size_t>(i * width + j)] =
              i % 3 == 0 ? 0.f : 2.f * values[static_cast<std::size_t>(j)];
    Floats metric(be_, rows, width, values);
    Numbers32 targets(static_cast<std::size_t>(count)), merged(static_cast<std::size_t>(rest - count)),
        to(merged.size());
    const IdMemory<B> ids(be_, kept), t = unknown(targets.size()), m = unknown(merged.size()),
                                      a = unknown(to.size());
    be_.group_rest(metric.view(), Ids<B>(ids.memory.span()), t.memory.span(), m.memory.span(),
                   a.memory.span());
    host_.group_rest(metric.twin(), span(kept), span(targets), span(merged), span(to));
    const std::string text = std::to_string(rows) + " rows, " + std::to_string(kept.size()) + " kept, " +
                             std::to_string(count) + " targets";
    same("group_rest targets", text, targets, t);
    same("group_rest merged", text, merged, m);
    if (width > 1)
      same("group_rest to", text, to, a);  // of one column all cosines are 1 or -1 up to rounding

    Tensor<B> x(be_, random_, rows, random_.some()), y(be_, random_, count, x.cols);
    const IdMemory<B> into(be_, to);
    be_.add_group_means(x.view(), Ids<B>(t.memory.span()), Ids<B>(m.memory.span()),
                        Ids<B>(into.memory.span()), y.view());
    host_.add_group_means(x.twin(), span(targets), span(merged), span(to), y.twin());
    for (float& v : y.host) v = to_float(from_float<Elem<B>>(v));
    add_("add_group_means", text, relative_error(y.host, y.received()), bound_for<Elem<B>>(2e-6));
  }

  B& be_;
  Random& random_;
  Add add_;
  ReferenceBackend host_;
};

}  // namespace detail
}  // namespace testing
}  // namespace proxyv::inline v0
