#include "proxyv/reduce/drop_stack.hpp"

#include "proxyv/model/batch.hpp"
#include "reduce/reduced.hpp"
#include "support/catch.hpp"

using namespace reduced;
using small::error_of;
using small::same_bits;
using Ints = std::vector<std::int32_t>;

namespace {

const std::vector<TokenId> two_images{1, image, 2, 3, image, 4, 5};
const std::vector<ImageSlot> slots{{2}, {1}};  // 3 crops of 16 tokens

template <class B>
struct Reduced {
  using Model = ReducedDecoder<B>;
  explicit Reduced(const DropSchedule& drops, const RuntimeConfig& c = config(4))
      : be(options()), model(random_decoder<Model>(be, with(c, drops), 7)) {}

  B be;
  Model model;
};

std::vector<index_t> lengths(const auto& cache) {
  std::vector<index_t> out;
  for (index_t layer = 0; layer < cache.layers(); ++layer) out.push_back(cache.length(layer));
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("drop stack: with nothing dropped it is a plain decoder", "", R, EigenBackend) {
  TestType be(options());
  const auto plain = random_decoder<PlainDecoder<TestType>>(be, config(4), 7);
  const Question q(plain, two_images, slots);
  const Left wanted = prefill(plain, be, q);
  for (const DropSchedule& drops :
       {DropSchedule{}, DropSchedule::fast_v(1, 0.0), DropSchedule::fast_v(3, 0.0, DropRule::fast_v_mask)}) {
    const Reduced<TestType> reduced(drops);
    CHECK(same(prefill(reduced.model, be, q), wanted));
  }
  // Numbered anew, positions stay where no newline is out of place and no two are equal.
  Semantics semantics;
  semantics.subcrop_newline_without_base_offset = false;
  const TokenLayout straight(small::span_of(q.ids), small::span_of(slots), plain.crop_shape(), semantics);
  const Reduced<TestType> pyramid_of_all(DropSchedule::pyramid_drop({1, 2}, {1.0, 1.0}));
  const auto run = [&](const auto& model) {
    KvCache<TestType> cache(be, model.cache_shape(96));
    Matrix out(1, 32);
    model.prefill(be, {straight, q.features}, cache, out);
    model.append(be, small::span_of(std::vector<TokenId>{3, 4, 5}), cache, out);
    return Left{out.values, contents(cache)};
  };
  CHECK(deviation(run(pyramid_of_all.model), run(plain)) < 1e-6);
}

TEMPLATE_TEST_CASE("drop stack: counts, order, positions and cache lengths", "", R, EigenBackend) {
  Reduced<TestType> reduced(pyramid);
  const Question q(reduced.model, two_images, slots);
  const index_t rest = q.layout.rows() - 48;
  Drops seen;
  KvCache<TestType> cache(reduced.be, reduced.model.cache_shape(96));
  Matrix out(1, 32);
  reduced.model.prefill(reduced.be, {q.layout, q.features}, cache, out, {}, seen);
  CHECK(seen.layers == std::vector<index_t>{1, 3});
  REQUIRE(seen.kept[0].size() == 24);
  REQUIRE(seen.kept[1].size() == 12);
  CHECK(seen.scores[1].size() == 24);
  for (const auto& kept : seen.kept) CHECK(std::is_sorted(kept.begin(), kept.end()));
  CHECK(std::includes(seen.kept[0].begin(), seen.kept[0].end(), seen.kept[1].begin(), seen.kept[1].end()));
  for (const Ints& positions : seen.positions) {
    Ints sorted = positions;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < sorted.size(); ++i) CHECK(sorted[i] == static_cast<std::int32_t>(i));
  }
  CHECK(lengths(cache) == std::vector<index_t>{48 + rest, 24 + rest, 24 + rest, 12 + rest});
  CHECK(cache.next_position(0) == q.layout.next_position());
  CHECK(cache.next_position(1) == 24 + rest);
  CHECK(cache.next_position(3) == 12 + rest);

  Reduced<TestType> straight(fast);
  Drops kept;
  KvCache<TestType> other(straight.be, straight.model.cache_shape(96));
  straight.model.prefill(straight.be, {q.layout, q.features}, other, out, {}, kept);
  CHECK(kept.layers == std::vector<index_t>{2});
  CHECK(lengths(other) == std::vector<index_t>{48 + rest, 48 + rest, 24 + rest, 24 + rest});
  for (index_t layer = 0; layer < 4; ++layer) CHECK(other.next_position(layer) == q.layout.next_position());
  for (std::size_t i = 0; i < 24; ++i) CHECK(kept.positions[0][i] == q.layout.positions()[kept.kept[0][i]]);
}

TEMPLATE_TEST_CASE("drop stack: per crop, every crop keeps equally many", "", R, EigenBackend) {
  for (const DropSchedule& drops : {per_crop(pyramid), per_crop(fast)}) {
    Reduced<TestType> reduced(drops);
    const Question q(reduced.model, two_images, slots);
    Drops seen;
    prefill(reduced.model, reduced.be, q, {}, seen);
    for (const Ints& kept : seen.kept) {
      index_t crops[3] = {};
      for (const std::int32_t row : kept) ++crops[row / 16];
      CHECK(crops[0] == static_cast<index_t>(kept.size()) / 3);
      CHECK(crops[1] == crops[0]);
      CHECK(crops[2] == crops[0]);
      CHECK(std::is_sorted(kept.begin(), kept.end()));
    }
  }
}

TEMPLATE_TEST_CASE("drop stack: dropping and hiding are the same to those that stay", "", R, EigenBackend) {
  Reduced<TestType> drop(fast), mask(DropSchedule::fast_v(2, 0.5, DropRule::fast_v_mask));
  const Question q(drop.model, two_images, slots);
  CHECK(small::deviation(logits(drop.model, q), logits(mask.model, q)) < 1e-5);
  Matrix out(1, 32);
  KvCache<TestType> cache(mask.be, mask.model.cache_shape(96));
  mask.model.prefill(mask.be, {q.layout, q.features}, cache, out);
  CHECK_THAT(error_of<ArgumentError>(
                 [&] { mask.model.append(mask.be, small::span_of(two_images).first(1), cache, out); }),
             ContainsSubstring("the mask form of FastV ranks anew for every token"));
}

TEMPLATE_TEST_CASE("drop stack: later turns, token by token, in one go, and by recorded steps", "", R,
                   EigenBackend) {
  for (const DropSchedule& drops : {pyramid, fast, per_crop(pyramid)}) {
    Reduced<TestType> reduced(drops);
    const Question q(reduced.model, two_images, slots);
    const std::vector<TokenId> more{7, 8, 9, 10, 11};
    const auto run = [&](auto&& feed) {
      KvCache<TestType> cache(reduced.be, reduced.model.cache_shape(96));
      Matrix out(1, 32);
      reduced.model.prefill(reduced.be, {q.layout, q.features}, cache, out);
      feed(cache, out);
      CHECK(cache.length() == q.layout.rows() + 5);
      return out.values;
    };
    const auto together = run([&](auto& cache, Matrix& out) {
      reduced.model.append(reduced.be, small::span_of(more), cache, out);
    });
    const auto apart = run([&](auto& cache, Matrix& out) {
      for (index_t i = 0; i < 5; ++i)
        reduced.model.append(reduced.be, small::span_of(more).part(i, 1), cache, out);
    });
    const auto steps = run([&](auto& cache, Matrix& out) {
      StepState<TestType> state(reduced.be, reduced.model.stages_count());
      for (const TokenId token : more) {
        state.set(reduced.be, token, cache, reduced.model.stage_layers(), 0);
        reduced.model.step(reduced.be, state, cache, out, {});
        cache.commit(1, cache.next_position() + 1);
      }
    });
    CHECK(small::deviation(together, apart) < 1e-5);
    CHECK(small::deviation(steps, apart) < 1e-5);
  }
}

TEMPLATE_TEST_CASE("drop stack: a session talks, goes back to a mark, and not into a prompt", "", R,
                   EigenBackend) {
  Reduced<TestType> reduced(pyramid);
  const Question q(reduced.model, two_images, slots);
  Session<ReducedDecoder<TestType>> chat(reduced.be, reduced.model, 128);
  chat.start({q.layout, q.features});
  const auto mark = chat.mark();
  const std::vector<TokenId> question{7, 8, 9};
  chat.say(small::span_of(question));
  const auto first = chat.generate({.max_tokens = 6});
  chat.rewind(mark);
  chat.say(small::span_of(question));
  CHECK(chat.generate({.max_tokens = 6}) == first);
  CHECK(chat.cache().length(3) == chat.cache().length() - 36);
  CHECK_THAT(error_of<ArgumentError>([&] {
               chat.rewind({5, 5});
             }),
             ContainsSubstring("inside a prompt of 56 rows whose vision tokens were partly dropped"));
  chat.start({q.layout, q.features});
  CHECK(chat.cache().length(3) == q.layout.rows() - 36);
  const Question text(reduced.model, {1, 2, 3}, {});
  chat.start({text.layout, text.features});
  CHECK(lengths(chat.cache()) == std::vector<index_t>(4, 3));
  CHECK(chat.generate({.max_tokens = 3}).size() == 3);
}

TEMPLATE_TEST_CASE("drop stack: learned proxies over the tokens that are left", "", R, EigenBackend) {
  using Model = ReducedProxyDecoder<TestType>;
  TestType be(options());
  const RuntimeConfig c = config(2, true);
  const auto whole = random_decoder<LearnedProxyDecoder<TestType>>(be, c, 7);
  const Question q(whole, two_images, slots);
  SECTION("all of them: learned proxies as ever") {
    const auto all = random_decoder<Model>(be, with(c, per_crop(DropSchedule::fast_v(1, 0.0))), 7);
    CHECK(same(prefill(all, be, q), prefill(whole, be, q)));
    Semantics semantics;
    semantics.subcrop_newline_without_base_offset = false;
    const TokenLayout straight(small::span_of(q.ids), small::span_of(slots), whole.crop_shape(), semantics);
    const auto renumbered =
        random_decoder<Model>(be, with(c, per_crop(DropSchedule::pyramid_drop({1}, {1.0}))), 7);
    const auto run = [&](const auto& model) {
      KvCache<TestType> cache(be, model.cache_shape(96));
      Matrix out(1, 32);
      model.prefill(be, {straight, q.features}, cache, out);
      return Left{out.values, contents(cache)};
    };
    CHECK(deviation(run(renumbered), run(whole)) < 1e-6);
  }
  SECTION("some of them: saved work changes nothing, and later turns work") {
    for (const DropSchedule& drops :
         {per_crop(DropSchedule::fast_v(1, 0.5)), per_crop(DropSchedule::fast_v(2, 0.5)),
          per_crop(DropSchedule::pyramid_drop({1}, {0.4}))}) {
      const auto model = random_decoder<Model>(be, with(c, drops), 7);
      CHECK(small::deviation(
                logits(model, q),
                logits(model, q,
                       {.savings = {.folded_update = false, .split_attention = true, .dead_rows = false}})) <
            1e-4);
      CHECK(small::deviation(logits(model, q), prefill(whole, be, q).logits) > 1e-3);
      R judge(options());
      const auto judged = random_decoder<ReducedProxyDecoder<R>>(judge, with(c, drops), 7);
      CHECK(small::deviation(logits(model, q), prefill(judged, judge, q).logits) < 1e-4);
      KvCache<TestType> cache(be, model.cache_shape(96));
      Matrix together(1, 32), apart(1, 32);
      const std::vector<TokenId> more{7, 8, 9};
      model.prefill(be, {q.layout, q.features}, cache, together);
      const index_t length = cache.length(), next = cache.next_position();
      model.append(be, small::span_of(more), cache, together);
      cache.truncate(length, next);
      for (index_t i = 0; i < 3; ++i) model.append(be, small::span_of(more).part(i, 1), cache, apart);
      CHECK(small::deviation(together.values, apart.values) < 1e-5);
    }
  }
  SECTION("the masked plain form is refused") {
    const auto model = random_decoder<Model>(be, with(c, per_crop(DropSchedule::fast_v(1, 0.5))), 7);
    CHECK_THAT(error_of<ArgumentError>([&] { prefill(model, be, q, {.savings = Savings::none()}); }),
               ContainsSubstring("leave split_attention on"));
  }
}

TEST_CASE("drop stack: other rows may rank") {
  Reduced<R> reduced(fast);
  const Question q(reduced.model, two_images, slots);
  const std::vector<index_t> last{q.layout.rows() - 1}, others{48, 53};
  CHECK(same_bits(logits(reduced.model, q, {.ranked_by = small::span_of(last)}), logits(reduced.model, q)));
  Drops by_last, by_others;
  prefill(reduced.model, reduced.be, q, {}, by_last);
  prefill(reduced.model, reduced.be, q, {.ranked_by = small::span_of(others)}, by_others);
  CHECK(by_last.kept != by_others.kept);
  const std::vector<index_t> vision{47};
  CHECK(error_of<ArgumentError>([&] { logits(reduced.model, q, {.ranked_by = small::span_of(vision)}); }) ==
        "DropStack: row 47 ranks the vision tokens, wanted a newline or text row: 48..55");
}

TEST_CASE("drop stack: a prompt that ends in an image is ranked by its newline, and without one refused") {
  Reduced<R> reduced(fast);
  const Question ends(reduced.model, {1, 2, image}, {{1}});
  CHECK(logits(reduced.model, ends).size() == 32);
  const Question bare(reduced.model, {1, 2, image},
                      {{.crops = 1, .video = false, .tokens = 16, .newlines = false}});
  CHECK_THAT(error_of<ArgumentError>([&] { logits(reduced.model, bare); }),
             ContainsSubstring("ends in a vision token"));
}

TEST_CASE("drop stack: impossible schedules are named") {
  R be(options());
  const auto wrong = [&](const DropSchedule& drops, const RuntimeConfig& c = config(4)) {
    return error_of<ArgumentError>([&] { random_decoder<ReducedDecoder<R>>(be, with(c, drops), 7); });
  };
  CHECK(wrong(DropSchedule::fast_v(4, 0.5)) ==
        "vision reduction: a drop needs a layer before it and one after it");
  CHECK(wrong(DropSchedule::pyramid_drop({2, 2}, {0.5, 0.25})) ==
        "vision reduction: the layers of the drops must ascend");
  CHECK(wrong(DropSchedule::pyramid_drop({1, 2}, {0.25, 0.5})) ==
        "vision reduction: later drops cannot keep more");
  CHECK_THAT(error_of<ArgumentError>([&] { random_decoder<PlainDecoder<R>>(be, with(config(4), fast), 7); }),
             ContainsSubstring("no stack is a DropStack"));
  using Late = Decoder<R, RuntimeConfig, Stack<2, DecoderLayer>, DropStack<2>>;
  CHECK_THAT(error_of<ArgumentError>([&] { random_decoder<Late>(be, with(config(4), fast), 7); }),
             ContainsSubstring("DropStack: layer 1 ranks vision tokens, the stack is layers 2..3"));
  using Model = ReducedProxyDecoder<R>;
  CHECK_THAT(error_of<ArgumentError>([&] { random_decoder<Model>(be, with(config(2, true), fast), 7); }),
             ContainsSubstring("must be ranked per crop"));
  CHECK_THAT(error_of<ArgumentError>([&] {
               random_decoder<Model>(be, with(config(2, true), per_crop(DropSchedule::fast_v(1, 0.8))), 7);
             }),
             ContainsSubstring("3 tokens of a crop are left for 4 proxies"));
  CHECK_THAT(
      error_of<ArgumentError>([&] { random_decoder<Model>(be, with(config(2, false), per_crop(fast)), 7); }),
      ContainsSubstring("wanted learned proxies"));
}

TEST_CASE("drop stack: one composition by hand, between plain stacks") {
  R be(options());
  using Model = Decoder<R, RuntimeConfig, Stack<1, DecoderLayer>, DropStack<2>, Stack<1, DecoderLayer>>;
  const RuntimeConfig c = with(config(4), DropSchedule::fast_v(2, 0.5));
  const auto model = random_decoder<Model>(be, c, 7);
  const auto whole = random_decoder<ReducedDecoder<R>>(be, c, 7);
  const Question q(model, two_images, slots);
  CHECK(same_bits(prefill(model, be, q).logits, prefill(whole, be, q).logits));
}

TEMPLATE_TEST_CASE("drop stack: conversations side by side get what each gets alone", "", R, EigenBackend) {
  for (const DropSchedule& drops : {pyramid, fast}) {
    Reduced<TestType> reduced(drops);
    const Question q(reduced.model, two_images, slots), other(reduced.model, {1, image, 9, 8, 7}, {{1}}),
        text(reduced.model, {4, 5, 6}, {});
    BatchSession<ReducedDecoder<TestType>> batch(reduced.be, reduced.model, 3, 96);
    for (const Question* one : {&q, &other, &text}) batch.start({one->layout, one->features});
    const auto together = batch.generate({.max_tokens = 6});
    for (std::size_t row = 0; row < 3; ++row) {
      const Question* one = row == 0 ? &q : row == 1 ? &other : &text;
      Session<ReducedDecoder<TestType>> alone(reduced.be, reduced.model, 96);
      alone.start({one->layout, one->features});
      CHECK(together[row] == alone.generate({.max_tokens = 6}));
      CHECK(batch.cache(static_cast<index_t>(row)).length(3) == alone.cache().length(3));
    }
  }
  Reduced<TestType> mask(DropSchedule::fast_v(2, 0.5, DropRule::fast_v_mask));
  const Question q(mask.model, two_images, slots);
  BatchSession<ReducedDecoder<TestType>> batch(mask.be, mask.model, 1, 96);
  batch.start({q.layout, q.features});
  batch.next_tokens();
  CHECK_THAT(error_of<ArgumentError>([&] { batch.next_tokens(); }),
             ContainsSubstring("ranks anew for every token"));
}

TEST_CASE("drop stack: a padded row is refused") {
  Reduced<R> reduced(fast);
  const Question q(reduced.model, two_images, slots);
  const TokenLayout padded = q.layout.padded(4, 9);
  CHECK_THAT(error_of<ArgumentError>([&] { reduced.model.plan_prefill(padded); }),
             ContainsSubstring("a padded row, and the model drops vision tokens"));
}
