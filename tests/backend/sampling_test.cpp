#include "proxyv/backend/sampling.hpp"

#include <array>
#include <limits>

#include "backend/small.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;

namespace {

TokenId choose(const std::vector<float>& logits, const Sampling& how, std::uint64_t step = 0) {
  std::vector<std::int32_t> order(logits.size());
  std::vector<float> weights(logits.size());
  const auto n = static_cast<index_t>(logits.size());
  return sample_token({logits.data(), n}, how, step, {order.data(), n}, {weights.data(), n});
}

/// Shares of the tokens over many steps.
std::array<double, 4> shares(const std::vector<float>& logits, const Sampling& how) {
  constexpr int draws = 20000;
  std::array<double, 4> out{};
  for (std::uint64_t step = 0; step < draws; ++step) out[static_cast<std::size_t>(choose(logits, how, step))] += 1.0 / draws;
  return out;
}

// Probabilities 1/2, 3/10, 1/5 and nothing, in an order that is not sorted.
const std::vector<float> three{std::log(0.3f), std::log(0.5f), -80.f, std::log(0.2f)};

}  // namespace

TEST_CASE("sampling: greedy takes the largest logit, the lowest id on ties") {
  CHECK(choose({1.f, 3.f, 2.f}, {}) == 1);
  CHECK(choose({3.f, 1.f, 3.f, 3.f}, {}) == 0);
  CHECK(choose({-5.f, -2.f, -2.f}, {.seed = 99}) == 1);
  CHECK(choose({0.f, -0.f}, {}) == 0);
  CHECK(choose({-std::numeric_limits<float>::max()}, {}) == 0);
}

TEST_CASE("sampling: a logit that is not finite gives no token, wherever it stands") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {inf, -inf, nan}) {
    for (std::size_t at = 0; at < 3; ++at) {
      std::vector<float> logits{1.f, 2.f, 3.f};
      logits[at] = bad;
      CHECK(choose(logits, {}) == not_a_token);
      CHECK(choose(logits, {.temperature = 1.f}) == not_a_token);
    }
  }
}

TEST_CASE("sampling: top_k = 1 and a small top_p are greedy") {
  for (std::uint64_t step = 0; step < 200; ++step) {
    CHECK(choose(three, {.temperature = 5.f, .top_k = 1}, step) == 1);
    CHECK(choose(three, {.temperature = 1.f, .top_p = 1e-6f}, step) == 1);
    CHECK(choose(three, {.temperature = 1.f, .top_p = 0.45f}, step) == 1);
    CHECK(choose(three, {.temperature = 1e-30f}, step) == 1);
  }
}

TEST_CASE("sampling: temperature 1 draws by probability") {
  const auto p = shares(three, {.temperature = 1.f, .seed = 7});
  CHECK(p[1] == Approx(0.5).margin(0.015));
  CHECK(p[0] == Approx(0.3).margin(0.015));
  CHECK(p[3] == Approx(0.2).margin(0.015));
  CHECK(p[2] == 0.0);
}

TEST_CASE("sampling: temperature 2 flattens, 0.5 sharpens") {
  const double a = std::sqrt(0.5), b = std::sqrt(0.3), c = std::sqrt(0.2);
  const auto flat = shares(three, {.temperature = 2.f, .seed = 8});
  CHECK(flat[1] == Approx(a / (a + b + c)).margin(0.015));
  CHECK(flat[3] == Approx(c / (a + b + c)).margin(0.015));
  const auto sharp = shares(three, {.temperature = 0.5f, .seed = 9});
  CHECK(sharp[1] == Approx(0.25 / 0.38).margin(0.015));
  CHECK(sharp[3] == Approx(0.04 / 0.38).margin(0.015));
}

TEST_CASE("sampling: top_k and top_p cut the tail and keep the proportions") {
  for (const Sampling how : {Sampling{.temperature = 1.f, .top_k = 2, .seed = 3}, Sampling{.temperature = 1.f, .top_p = 0.6f, .seed = 4}}) {
    const auto p = shares(three, how);
    CHECK(p[1] == Approx(0.625).margin(0.015));
    CHECK(p[0] == Approx(0.375).margin(0.015));
    CHECK(p[3] == 0.0);
  }
  CHECK(choose({1.f, 2.f}, {.temperature = 1.f, .top_k = 1000000}) >= 0);
}

TEST_CASE("sampling: the same seed gives the same tokens, another seed others") {
  std::vector<TokenId> first, again, other;
  for (std::uint64_t step = 0; step < 64; ++step) {
    first.push_back(choose(three, {.temperature = 1.f, .seed = 11}, step));
    again.push_back(choose(three, {.temperature = 1.f, .seed = 11}, step));
    other.push_back(choose(three, {.temperature = 1.f, .seed = 12}, step));
  }
  CHECK(first == again);
  CHECK(first != other);
}

TEST_CASE("sampling: uniform numbers fill [0, 1) evenly") {
  std::array<int, 10> bins{};
  double sum = 0.0;
  for (std::uint64_t step = 0; step < 20000; ++step) {
    const double u = uniform(42, step);
    REQUIRE(u >= 0.0);
    REQUIRE(u < 1.0);
    ++bins[static_cast<std::size_t>(u * 10.0)];
    sum += u;
  }
  CHECK(sum / 20000 == Approx(0.5).margin(0.01));
  for (const int count : bins) CHECK(std::abs(count - 2000) < 200);
  CHECK(uniform(1, 2) == uniform(1, 2));
  CHECK(uniform(1, 2) != uniform(2, 1));
}

TEST_CASE("sampling: options out of range are named") {
  const auto refused = [](const Sampling& how) { return error_of<ArgumentError>([&] { how.check(); }); };
  CHECK(refused({.temperature = -1.f}) == "Sampling: temperature -1.000000, wanted a finite number >= 0");
  CHECK(refused({.temperature = NAN}).find("wanted a finite number >= 0") != std::string::npos);
  CHECK(refused({.temperature = HUGE_VALF}).find("wanted a finite number >= 0") != std::string::npos);
  CHECK(refused({.top_k = -1}) == "Sampling: top_k -1, wanted >= 0");
  CHECK(refused({.top_p = 0.f}) == "Sampling: top_p 0.000000, wanted in (0, 1]");
  CHECK(refused({.top_p = 1.5f}) == "Sampling: top_p 1.500000, wanted in (0, 1]");
  CHECK(refused({.top_p = NAN}).find("wanted in (0, 1]") != std::string::npos);
  CHECK(refused({.temperature = 3.f, .top_k = 5, .top_p = 1.f}) == "nothing was thrown");
}
