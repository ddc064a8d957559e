#include "proxyv/model/study_stacks.hpp"

#include "model/tiny.hpp"
#include "proxyv/eigen/backend.hpp"
#include "proxyv/reduce/drop_stack.hpp"
#include "support/catch.hpp"

using namespace tiny;
using small::error_of;

namespace {

RuntimeConfig study_config(const StudyVariant& study, index_t start = 2) {
  RuntimeConfig c = config(start);
  c.study = study;
  return c;
}

const StudyVariant every_study[] = {{.kind = Study::mask_v2v, .keep_self = true},
                                    {.kind = Study::mask_v2v, .empty_row = EmptyRow::uniform},
                                    {.kind = Study::attn_skip_drop},
                                    {.kind = Study::attn_skip_keep},
                                    {.kind = Study::attn_ffn_skip},
                                    {.kind = Study::attn_ffn_skip, .light_mlp = true},
                                    {.kind = Study::attn_ffn_skip, .light_mlp = true, .light_mlp_norm = true}};

using Studied = StudyDecoder<R>;
const std::vector<TokenId> prompt{1, image, 2, 3, image, 4};
const std::vector<ImageSlot> pictures{{2}, {1}};

template <class Model>
Left left_by(const RuntimeConfig& c, const PrefillOptions& how = {}) {
  R be(options());
  const auto model = random_decoder<Model>(be, c);
  const Question q(model, prompt, pictures);
  return prefill(model, be, q, how);
}

template <class... Stacks>
using Fixed = Decoder<R, RuntimeConfig, Stacks...>;

}  // namespace

TEST_CASE("study stacks: fixed counts and named stacks equal the run-time form, bit for bit") {
  const auto agree = [](const StudyVariant& study, auto model) {
    const RuntimeConfig c = study_config(study);
    return same(left_by<Studied>(c), left_by<typename decltype(model)::type>(c));
  };
  using Two = Stack<2, DecoderLayer>;
  CHECK(agree({.kind = Study::mask_v2v}, std::type_identity<Fixed<Two, VisionMaskStack<2>>>{}));
  CHECK(agree({.kind = Study::attn_skip_keep}, std::type_identity<Fixed<Two, AttentionSkipStack<2>>>{}));
  CHECK(agree({.kind = Study::attn_skip_drop}, std::type_identity<Fixed<Two, AttentionDropStack<2>>>{}));
  CHECK(agree({.kind = Study::attn_ffn_skip}, std::type_identity<Fixed<Two, FfnSkipStack<2>>>{}));
  CHECK(agree({.kind = Study::attn_ffn_skip, .light_mlp = true}, std::type_identity<Fixed<Two, LightMlpStack<2>>>{}));
}

TEST_CASE("study stacks: the savings change nothing, and neither do unwanted rows") {
  for (const StudyVariant& study : every_study) {
    for (const index_t start : {0, 2, 4}) {
      const RuntimeConfig c = study_config(study, start);
      const Left saved = left_by<Studied>(c);
      CHECK(deviation(saved, left_by<Studied>(c, {.savings = Savings::none(), .all_rows = true})) < 1e-6);
      if (start == 4) CHECK(same(saved, left_by<Plain>(config(4))));
    }
  }
}

TEST_CASE("study stacks: the Eigen engine agrees with the reference") {
  for (const StudyVariant& study : every_study) {
    for (const index_t start : {0, 2}) {
      const RuntimeConfig c = study_config(study, start);
      EigenBackend be({.workspace_bytes = 1 << 20});
      const auto model = random_decoder<StudyDecoder<EigenBackend>>(be, c);
      const Question q(model, prompt, pictures);
      KvCache<EigenBackend> cache(be, model.cache_shape(q.layout.rows()));
      Matrix logits(1, c.vocab);
      model.prefill(be, {q.layout, q.features}, cache, logits);
      const Left found{logits.values, contents(cache)};
      CHECK(deviation(found, left_by<Studied>(c)) < 1e-5);
    }
  }
}

TEST_CASE("study stacks: a question that follows is what the whole prompt would be") {
  for (const StudyVariant& study : every_study) {
    R be(options());
    const auto model = random_decoder<Studied>(be, study_config(study, 1));
    const Question all(model, {1, image, 2, 3, 4, 5}, {{2}}), first(model, {1, image, 2, 3}, {{2}});
    const Left whole = prefill(model, be, all);
    KvCache<R> cache(be, model.cache_shape(all.layout.rows()));
    Matrix logits(1, model.config().vocab);
    model.prefill(be, first.prompt(), cache, logits);
    const std::vector<TokenId> rest{4, 5};
    model.append(be, small::span_of(rest), cache, logits);
    CHECK(small::deviation(logits.values, whole.logits) < 1e-5);
    CHECK(small::deviation(contents(cache), whole.cache) < 1e-5);
  }
}

TEST_CASE("study stacks: they compose like any layer") {
  // Masking needs no weights, so it may stand anywhere, also before proxies.
  using Masked = Fixed<Stack<1, DecoderLayer>, VisionMaskStack<1>, ProxyStack<2, BilinearPool, VisionUpdate>>;
  using Mixed = Fixed<VisionMaskStack<1>, AttentionSkipStack<1>, Stack<1, DecoderLayer>, FfnSkipStack<1>>;
  const Left masked = left_by<Masked>(config(2)), proxies = left_by<Spatial>(config(2)), mixed = left_by<Mixed>(config(4));
  CHECK(deviation(masked, proxies) > 1e-3);
  CHECK(deviation(mixed, left_by<Plain>(config(4))) > 1e-3);
  CHECK(deviation(mixed, left_by<Mixed>(config(4), {.savings = Savings::none(), .all_rows = true})) < 1e-6);
}

TEMPLATE_TEST_CASE("study stacks: behind dropped tokens, where leaving and being hidden are the same", "", R, EigenBackend) {
  const auto logits = [](DropRule rule, auto type) {
    using Model = typename decltype(type)::type;
    RuntimeConfig c = config(4);
    c.reduction.drops = DropSchedule::fast_v(2, 0.5, rule);
    TestType be(options());
    const auto model = random_decoder<Model>(be, c);
    const Question q(model, prompt, pictures);
    return prefill(model, be, q).logits;
  };
  const auto equal = [&]<class Study>(std::type_identity<Study>) {
    const std::type_identity<Decoder<TestType, RuntimeConfig, DropStack<2>, Study>> model;
    const auto dropped = logits(DropRule::fast_v, model);
    CHECK(small::deviation(dropped, logits(DropRule::fast_v_mask, model)) < 1e-5);
    const std::type_identity<Decoder<TestType, RuntimeConfig, DropStack<4>>> plain;
    CHECK(small::deviation(dropped, logits(DropRule::fast_v, plain)) > 1e-4);
  };
  equal(std::type_identity<VisionMaskStack<2>>{});
  equal(std::type_identity<AttentionSkipStack<2>>{});
  equal(std::type_identity<AttentionDropStack<2>>{});
  equal(std::type_identity<FfnSkipStack<2>>{});
}

TEST_CASE("study stacks: impossible ones are refused") {
  R be(options());
  const auto refused = [&]<class Model>(std::type_identity<Model>, const RuntimeConfig& c) {
    return error_of<ArgumentError>([&] { random_decoder<Model>(be, c); });
  };
  const StudyVariant light{.kind = Study::attn_ffn_skip, .light_mlp = true};
  using Late = Fixed<Stack<3, DecoderLayer>, LightMlpStack<1>>;
  CHECK(refused(std::type_identity<Late>{}, study_config(light, 2)) == "Stack: a study begins at layer 3, the configuration says proxy_start = 2");
  CHECK(refused(std::type_identity<Late>{}, study_config({.kind = Study::attn_ffn_skip}, 3)) ==
        "Stack: layers with a light MLP, but the configuration's study has none");
  CHECK(refused(std::type_identity<Studied>{}, study_config({.kind = Study::mask_v2v, .light_mlp = true})) ==
        "config: a light MLP in a study that keeps the FFN; it goes with attn_ffn_skip");
  CHECK(refused(std::type_identity<Studied>{}, study_config({.kind = Study::attn_ffn_skip, .light_mlp_norm = true})) ==
        "config: a norm after a light MLP that is not there");
  RuntimeConfig dropping = study_config(light);
  dropping.reduction.drops = DropSchedule::fast_v(1, 0.5);
  CHECK(refused(std::type_identity<Studied>{}, dropping) == "Decoder: the configuration drops vision tokens, but no stack is a DropStack");
  RuntimeConfig thin = study_config(light);
  thin.update_inner = 0;
  CHECK(refused(std::type_identity<Studied>{}, thin) == "config: update_inner is 0, ProxyV layers and light MLPs need an inner width");
}

namespace {

/// The paper's prompt: a picture of five crops and fifty text tokens. Counted as the paper counts.
double saved_percent(const StudyVariant& study, index_t start) {
  std::vector<TokenId> ids(51, 1);
  ids[10] = image_token;
  const std::vector<ImageSlot> five_crops{{5}};
  auto c = RuntimeConfig::from(presets::Vicuna7B{});
  c.study = study;
  const auto flops = [&](index_t first) {
    c.proxy_start = first;
    PlanBackend<R> plan;
    const Studied model(plan, c, shape_only_weights<R>(c));
    return model.plan_prefill(TokenLayout(small::span_of(ids), small::span_of(five_crops), model.crop_shape()), {.savings = Savings::none()}).flops();
  };
  return 100.0 * (1.0 - flops(start) / flops(c.layers));
}

}  // namespace

TEST_CASE("study stacks: the paper's FLOPs, by running the models") {
  const StudyVariant keep{.kind = Study::attn_skip_keep}, light{.kind = Study::attn_ffn_skip, .light_mlp = true};
  CHECK(saved_percent(keep, 0) == Approx(18).margin(1));
  CHECK(saved_percent(keep, 12) == Approx(11).margin(1));
  CHECK(saved_percent(keep, 16) == Approx(9).margin(1));
  CHECK(saved_percent(light, 0) == Approx(80).margin(1));
  CHECK(saved_percent(light, 12) == Approx(49.7).margin(0.1));
  CHECK(saved_percent(light, 16) == Approx(39.7).margin(0.1));
}
