#include "proxyv/reduce/ranking.hpp"

#include "reduce/reduced.hpp"
#include "support/catch.hpp"

using namespace reduced;

TEST_CASE("keep count: of the original, never more than are alive, per crop where asked") {
  const Keep half{0.5, -1, Rounding::down};
  CHECK(reduce::KeepCount(half, false, 48, 48, 3).all() == 24);
  CHECK(reduce::KeepCount(half, false, 45, 45, 3).all() == 22);
  CHECK(reduce::KeepCount(half, true, 45, 45, 3).all() == 21);
  CHECK(reduce::KeepCount(half, true, 45, 45, 3).each == 7);
  CHECK(reduce::KeepCount(half, false, 48, 10, 3).all() == 10);
  CHECK(reduce::KeepCount(Keep::exactly(5), false, 48, 48, 3).all() == 5);
  CHECK(reduce::KeepCount(Keep::exactly(5), true, 48, 48, 3).all() == 15);
}

TEST_CASE("keep_best: rows of the whole stream, also per crop") {
  R be(options());
  std::vector<float> scores{1, 5, 3, 9, 8, 7};
  std::vector<std::int32_t> kept(4);
  const auto best = [&](const reduce::KeepCount& count) {
    kept.assign(static_cast<std::size_t>(count.all()), -1);
    reduce::keep_best<R>(be, View<const float>(scores.data(), 1, 6), 6, count, {kept.data(), count.all()});
    return kept;
  };
  CHECK(best({Keep::exactly(2), false, 6, 6, 2}) == std::vector<std::int32_t>{3, 4});
  CHECK(best({Keep::exactly(2), true, 6, 6, 2}) == std::vector<std::int32_t>{1, 2, 3, 4});
}

TEST_CASE("attention scores: the mean over heads and ranking rows of what each row looks at") {
  R be(options());
  const Heads heads{4, 2, 4};
  const Matrix queries = small::noise(2, 16, 1), keys = small::noise(5, 8, 2);
  std::vector<std::int32_t> positions{0, 1, 2, 3, 4};
  const std::vector<index_t> rows{3, 4};
  Stream<R> s;
  s.positions = {positions.data(), 5};
  detail::PrefillFrame<R> f;
  f.ranked_by = small::span_of(rows);
  Matrix scores(1, 5);
  reduce::attention_scores<R>(be, heads, queries, keys, s, f, scores);
  double sum = 0.0;
  for (const float score : scores.values) sum += double{score};
  CHECK(std::abs(sum - 1.0) < 1e-6);  // text takes part: each head's weights add up to one
  double by_hand = 0.0;               // of key 4, which only the second ranking row sees
  for (index_t h = 0; h < 4; ++h) {
    double total = 0.0, own = 0.0;
    for (index_t k = 0; k < 5; ++k) {
      double dot = 0.0;
      for (index_t d = 0; d < 4; ++d)
        dot += double{queries.view()(1, h * 4 + d)} * double{keys.view()(k, h / 2 * 4 + d)};
      total += own = std::exp(dot / 2.0);
    }
    by_hand += own / total / 8.0;
  }
  CHECK(std::abs(double{scores.values[4]} - by_hand) < 1e-6);
}
