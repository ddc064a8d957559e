#include "proxyv/backend/testing_ranking.hpp"

#include "proxyv/backend/testing.hpp"
#include "support/catch.hpp"

using namespace proxyv;

namespace {

enum class Mistake {
  higher_index_wins,
  not_ascending,
  hidden_keys_count,
  mean_includes_target,
  forgets_base,
  ranks_from_one
};

/// The judge with one mistake.
struct Broken : ReferenceBackend {
  Broken(const HostOptions& o, Mistake m) : ReferenceBackend(o), mistake(m) {}
  Mistake mistake;

  void keep_top(View<const float> scores, index_t always, Span<std::int32_t> kept, index_t base) {
    ReferenceBackend::keep_top(scores, always, kept, mistake == Mistake::forgets_base ? 0 : base);
    if (mistake == Mistake::not_ascending) std::reverse(kept.begin(), kept.end());
    if (mistake != Mistake::higher_index_wins) return;
    std::vector<float> mirrored(static_cast<std::size_t>(scores.cols()));
    for (index_t i = 0; i < scores.cols(); ++i)
      mirrored[static_cast<std::size_t>(i)] = scores(0, scores.cols() - 1 - i);
    ReferenceBackend::keep_top({mirrored.data(), 1, scores.cols()}, 0, kept, 0);
    for (std::int32_t& i : kept) i = static_cast<std::int32_t>(base + scores.cols() - 1 - i);
    std::sort(kept.begin(), kept.end());
  }
  void attention_weights(View<const float> q, const AttentionArgs<float, HostSpace>& args,
                         View<float> weights) {
    if (mistake != Mistake::hidden_keys_count) return ReferenceBackend::attention_weights(q, args, weights);
    AttentionArgs<float, HostSpace> all(args.heads, args.query_positions);
    for (index_t s = 0; s < args.count(); ++s) all.add({.keys = args[s].keys, .values = args[s].values});
    ReferenceBackend::attention_weights(q, all, weights);
  }
  void renumber(Span<const std::int32_t> x, Span<std::int32_t> y) {
    ReferenceBackend::renumber(x, y);
    if (mistake == Mistake::ranks_from_one)
      for (std::int32_t& i : y) ++i;
  }
  void add_group_means(View<const float> x, Span<const std::int32_t> targets, Span<const std::int32_t> merged,
                       Span<const std::int32_t> to, View<float> y) {
    ReferenceBackend::add_group_means(x, targets, merged, to, y);
    if (mistake == Mistake::mean_includes_target)
      for (index_t i = 0; i < y.rows(); ++i)
        for (index_t j = 0; j < y.cols(); ++j) y(i, j) *= 0.5f;
  }
};

}  // namespace

TEST_CASE("ranking suite: every mistake is found, and in the op that makes it") {
  struct Expected {
    Mistake mistake;
    const char* op;
  };
  for (const auto& [mistake, op] :
       {Expected{Mistake::higher_index_wins, "keep_top"}, Expected{Mistake::not_ascending, "keep_top"},
        Expected{Mistake::forgets_base, "keep_top"},
        Expected{Mistake::hidden_keys_count, "attention_weights"},
        Expected{Mistake::mean_includes_target, "add_group_means"},
        Expected{Mistake::ranks_from_one, "renumber"}}) {
    const Mistake made = mistake;
    const auto report =
        testing::run_suite<Broken>([made] { return Broken({.workspace_bytes = 1 << 20}, made); }, {3, 12});
    CHECK_FALSE(report.ok());
    for (const auto& c : report.cases)
      if (!c.pass) CHECK(c.op == op);
  }
}

TEST_CASE("ranking suite: an engine that lacks the ops is told so, and passes the rest") {
  struct Less : ReferenceBackend {
    using ReferenceBackend::ReferenceBackend;
    void attention_weights() = delete;
    void group_rest() = delete;
  };
  static_assert(!RankOps<Less> && !MergeOps<Less>);
  const auto report = testing::run_suite<Less>([] { return Less({.workspace_bytes = 1 << 20}); }, {1, 2});
  CHECK(report.ok());
  CHECK(report.absent == std::vector<std::string>{"attention_weights", "keep_top", "group_rest"});
}
