// The exact savings against the plain form, over starts, prompts and both kinds of proxies.
#include "model/tiny.hpp"
#include "support/catch.hpp"

using namespace tiny;

namespace {

struct Case {
  const char* name;
  std::vector<TokenId> ids;
  std::vector<ImageSlot> images;
};

const Case prompts[] = {
    {"one crop", {1, image, 2, 3}, {{1}}},
    {"sub-crops", {1, 5, image, 2, 3}, {{3}}},
    {"image first", {image, 2, 3}, {{2}}},
    {"image last", {1, 2, image}, {{2}}},
    {"two images", {1, image, 2, image, 3}, {{1}, {2}}},
    {"adjacent images", {1, image, image, 3}, {{1}, {1}}},
    {"a video", {1, image, 3}, {{2, true}}},
    {"text only", {1, 2, 3}, {}},
};

const Savings single[] = {
    {true, false, false}, {false, true, false}, {false, false, true}, {true, true, true},
};

template <class Model>
void compare(const RuntimeConfig& c, const Case& prompt) {
  R be(options());
  const auto model = random_decoder<Model>(be, c, 3);
  const Question q(model, prompt.ids, prompt.images);
  const auto plain = prefill(model, be, q, {.savings = Savings::none()});
  INFO(prompt.name << ", proxies from layer " << c.proxy_start);
  for (const Savings& savings : single) {
    INFO("folded " << savings.folded_update << ", split " << savings.split_attention << ", dead rows " << savings.dead_rows);
    CHECK(tiny::deviation(prefill(model, be, q, {.savings = savings}), plain) < 1e-5);
  }
}

}  // namespace

TEST_CASE("exact savings: spatial proxies, every prompt") {
  for (const Case& prompt : prompts) compare<Spatial>(config(2), prompt);
}

TEST_CASE("exact savings: learned proxies, every prompt") {
  for (const Case& prompt : prompts) compare<Learned>(config(2, true), prompt);
}

TEST_CASE("exact savings: proxies from any layer") {
  for (const index_t start : {0, 1, 3, 4}) {
    compare<Spatial>(config(start), prompts[1]);
    compare<Learned>(config(start, true), prompts[4]);
  }
}

TEST_CASE("exact savings: each one saves, none changes the hidden states that are asked for") {
  R be(options());
  const auto model = random_decoder<Spatial>(be, config(1), 3);
  const Question q(model, {1, image, 2, 3}, {{2}});
  const double plain = model.plan_prefill(q.layout, {.savings = Savings::none()}).flops();
  for (const Savings& savings : single) CHECK(model.plan_prefill(q.layout, {.savings = savings}).flops() < plain);

  const auto states = [&](const Savings& savings) {
    std::vector<float> all;
    prefill(model, be, q, {.savings = savings, .all_rows = true}, [&](const LayerEvent<R>& e) {
      for (const auto& part : {e.vision, e.rest, e.proxies}) {
        const auto values = small::values(part);
        all.insert(all.end(), values.begin(), values.end());
      }
    });
    return all;
  };
  CHECK(small::deviation(states({}), states(Savings::none())) < 1e-5);
}
