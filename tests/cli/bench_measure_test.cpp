#include "backend/small.hpp"
#include "cli/bench/variants.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using bench::Case;
using proxyv::ArgumentError;
using R = proxyv::ReferenceBackend;

namespace {

bench::Workload workload() {
  bench::Workload w;
  w.config = {.hidden = 16,
              .layers = 3,
              .heads = 4,
              .kv_heads = 2,
              .head_dim = 4,
              .ffn = 24,
              .vocab = 32,
              .proxy_start = 1,
              .proxy_factor = 2,
              .crop_side = 4,
              .update_inner = 8};
  w.crops = 2;
  w.text = 3;
  w.decode = 2;
  w.repetitions = 3;
  return w;
}

}  // namespace

TEST_CASE("measure: every variant is timed on the weights they share, and costs what its own plan says") {
  bench::RunnerOn<R> runner(bench::standard_variants<R>());
  const std::vector<Case> all{
      {"plain"}, {"proxyv", 1, 2}, {"proxyv", 2, 4}, {"learned", 1, 2}, {"learned", 2, 4}};
  runner.prepare(workload(), all);
  std::vector<bench::Result> results;
  for (const Case& c : all) results.push_back(runner.run(c));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& r = results[i];
    CHECK(r.setting == all[i]);
    CHECK(r.prefill.ms.size() == 3);
    CHECK(r.decode.ms.size() == 2);
    CHECK(r.layer_ms.size() == 3);
    CHECK(r.vision == 32);
    CHECK(r.rows == 32 + 2 + 3);
    for (const double ms : r.prefill.ms) CHECK(ms > 0.0);
    for (const double ms : r.layer_ms) CHECK(ms > 0.0);
  }
  CHECK(results[0].proxies == 0);
  CHECK(results[1].proxies == 8);
  CHECK(results[2].proxies == 2);
  CHECK(results[4].proxies == 2);

  proxyv::RuntimeConfig config = workload().config;
  config.proxy_start = config.layers;
  proxyv::PlanBackend<R> plan;
  const proxyv::PlainDecoder<R> plain(plan, config, proxyv::shape_only_weights<R>(config));
  const std::vector<proxyv::TokenId> ids{proxyv::image_token, 1, 1, 1};
  const proxyv::ImageSlot slot{2};
  const proxyv::TokenLayout layout({ids.data(), 4}, {&slot, 1}, plain.crop_shape());
  CHECK(results[0].prefill_flops == plain.plan_prefill(layout).flops());
  CHECK(results[0].paper_flops == plain.plan_prefill(layout, {.savings = proxyv::Savings::none()}).flops());
  CHECK(results[1].paper_flops < results[0].paper_flops);
}

TEST_CASE("measure: text alone, and no tokens after it") {
  bench::RunnerOn<R> runner(bench::standard_variants<R>());
  auto w = workload();
  w.crops = 0;
  w.decode = 0;
  runner.prepare(w, {{"proxyv", 1, 2}});
  const auto r = runner.run({"proxyv", 1, 2});
  CHECK(r.vision == 0);
  CHECK(r.rows == 3);
  CHECK(r.decode.empty());
}

TEST_CASE("variants: one's own decoder is one call, and is run") {
  using Mine = proxyv::Decoder<R, proxyv::RuntimeConfig, proxyv::Stack<proxyv::dyn, proxyv::DecoderLayer>,
                               proxyv::Stack<proxyv::dyn, proxyv::DecoderLayer>>;
  auto variants = bench::standard_variants<R>();
  variants.add<Mine>("mine", "two stacks of the same");
  CHECK(small::error_of<ArgumentError>([&] { variants.add<Mine>("mine", ""); }) ==
        "Variants: there is a variant \"mine\" already");
  const auto info = variants.info();
  REQUIRE(info.size() == 13);
  CHECK(info[12].has_start);
  CHECK_FALSE(info[12].has_reduce);
  CHECK(info[1].has_reduce);
  CHECK_FALSE(info[0].has_start);
  bench::RunnerOn<R> runner(variants);
  CHECK(small::error_of<ArgumentError>([&] { runner.run({"mine", 1}); }) == "Runner: prepare() first");
  runner.prepare(workload(), {{"mine", 1}});
  CHECK(runner.run({"mine", 1}).prefill.ms.size() == 3);
  CHECK(small::error_of<ArgumentError>([&] {
          runner.run({"other", 1});
        }) == "Variants: no variant \"other\"");
}

TEST_CASE("variants: ours all run, studies and token reduction too") {
  bench::RunnerOn<R> runner(bench::standard_variants<R>());
  std::vector<Case> all;
  for (const auto& v : runner.variants())
    all.push_back({v.name, v.has_start ? 1 : -1, v.has_reduce ? 2 : -1});
  REQUIRE(all.size() == 12);
  runner.prepare(workload(), all);
  const double plain = runner.run(all[0]).paper_flops;
  for (std::size_t i = 1; i < all.size(); ++i) {
    const auto r = runner.run(all[i]);
    CHECK(r.layer_ms.size() == 3);
    CHECK(r.paper_flops < plain);
  }
}

TEST_CASE("measure: the encoder's stage, whole and with VisionZip") {
  bench::RunnerOn<R> runner(bench::standard_variants<R>());
  auto w = workload();
  w.encoder = "tiny";
  const std::vector<Case> all{
      {"plain"}, {"vision-zip"}, {"zip-learned", 1, 2}, {"light-mlp", 1}, {"light-mlp", 0}};
  runner.prepare(w, all);
  std::vector<bench::Result> results;
  for (const Case& c : all) results.push_back(runner.run(c));
  for (const auto& r : results) {
    CHECK(r.encode.ms.size() == 3);
    CHECK(r.encode_flops > 0.0);
  }
  CHECK(results[0].vision == 2 * 16);
  CHECK(results[1].vision == 2 * 6);  // 221 of 576, of 16
  CHECK(results[2].vision == 2 * 6);
  CHECK(results[2].proxies == 2);
  CHECK(results[1].encode_flops < results[0].encode_flops);  // the projector has fewer rows
  CHECK(results[1].prefill_flops < results[0].prefill_flops);
  CHECK(results[4].prefill_flops < results[3].prefill_flops);

  w.crops = 0;
  runner.prepare(w, {{"plain"}});
  CHECK(runner.run({"plain"}).encode.empty());
}

TEST_CASE("measure: the encoder by name") {
  CHECK(bench::encoder_config("none", 24).layers == 0);
  CHECK(bench::encoder_config("clip-l", 24).image_size == 336);
  CHECK(bench::encoder_config("tiny", 4).patches() == 16);
  CHECK(small::error_of<ArgumentError>([] { bench::encoder_config("huge", 4); }) ==
        "--encoder \"huge\", wanted none, clip-l or tiny");
}
