// The planner: a budget in, settings out. Every figure is counted by running the model on PlanBackend.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "proxyv/backend/reference.hpp"
#include "proxyv/reduce/drop_stack.hpp"
#include "proxyv/reduce/setting.hpp"

namespace proxyv::inline v0 {
namespace reduce {

/// The prompt that costs are counted for. Defaults: the paper's.
struct Workload {
  index_t crops = 5;
  index_t text = 50;
  Savings savings = Savings::none();  ///< none: as papers count
};

// Templates of the engine that is counted for, so that only programs that count compile the decoders below.

/// What a prompt costs on a decoder of this configuration: LM head on one row, no encoder, no projector.
template <class B = ReferenceBackend>
Cost count(const RuntimeConfig& c, const Workload& work = {}) {
  const auto run = [&]<class Model>(std::type_identity<Model>) {
    PlanBackend<B> plan;
    const Model model(plan, c, shape_only_weights<B>(c));
    std::vector<TokenId> ids(static_cast<std::size_t>(work.text), 0);
    ids.insert(ids.begin(), image_token);
    const ImageSlot slot{.crops = work.crops};
    const TokenLayout layout({ids.data(), static_cast<index_t>(ids.size())}, {&slot, 1}, model.crop_shape());
    return model.plan_prefill(layout, {.savings = work.savings, .all_rows = !work.savings.dead_rows});
  };
  if (c.proxy_start < c.layers && c.learned_proxies) return run(std::type_identity<ReducedProxyDecoder<B>>{});
  PROXYV_CHECK(c.proxy_start == c.layers, ArgumentError,
               "reduce::count: spatial proxies are no reduction of tokens");
  return run(std::type_identity<ReducedDecoder<B>>{});
}

/// What a setting saves of the plain model's prefill, in percent of multiply-adds.
template <class B = ReferenceBackend>
double saved_percent(const RuntimeConfig& plain, const Setting& setting, const Workload& work = {}) {
  return 100.0 *
         (1.0 - count<B>(setting.on(plain), work).flops() / count<B>(Setting{}.on(plain), work).flops());
}

/// Vision tokens that a decoder layer sees, on average over the layers.
inline double mean_tokens(const RuntimeConfig& plain, const Setting& setting, index_t crops) {
  const RuntimeConfig c = setting.on(plain);
  const index_t all = crops * tokens_per_crop(c);
  index_t now = all;
  double sum = 0.0;
  for (index_t layer = 0; layer < c.layers; ++layer) {
    if (const index_t drop = c.reduction.drops.at(layer); drop >= 0)
      now = c.reduction.drops.keep[static_cast<std::size_t>(drop)].of(all);
    sum += static_cast<double>(now);
  }
  return sum / static_cast<double>(c.layers);
}

/// What a plan must keep to: so many vision tokens in a layer on average, or so much saved.
struct Budget {
  double tokens = 0.0;   ///< at most; 0: no matter
  double percent = 0.0;  ///< at least; 0: no matter

  static Budget at_most_tokens(double n) { return {n, 0.0}; }
  static Budget save(double percent) { return {0.0, percent}; }
};

/// One method's answer.
struct Proposal {
  std::string method;
  Setting setting;
  double tokens = 0.0;   ///< mean_tokens of it
  double percent = 0.0;  ///< saved_percent of it
};

/// The mildest setting of each method that keeps to the budget: VisionZip with its usual proportion of
/// contextual tokens, PyramidDrop in four even stages, FastV behind two layers. A method that cannot is left
/// out. About ten counts each. Throws ArgumentError for a budget that asks for nothing, or for the
/// impossible.
template <class B = ReferenceBackend>
std::vector<Proposal> plan(const RuntimeConfig& model, const Budget& budget, const Workload& work = {}) {
  PROXYV_CHECK(std::isfinite(budget.tokens) && std::isfinite(budget.percent) && budget.tokens >= 0.0 &&
                   budget.percent >= 0.0 && budget.percent < 100.0 &&
                   (budget.tokens > 0.0 || budget.percent > 0.0),
               ArgumentError, "reduce::plan: at most ", budget.tokens, " tokens, at least ", budget.percent,
               " % saved; wanted one of them positive, and less than 100 %");
  RuntimeConfig plain = Setting{}.on(model);
  const double whole = count<B>(plain, work).flops();
  const index_t per_crop = tokens_per_crop(plain), all = work.crops * per_crop;
  const auto proposal = [&](const char* method, const Setting& s) {
    return Proposal{method, s, mean_tokens(plain, s, work.crops),
                    100.0 * (1.0 - count<B>(s.on(plain), work).flops() / whole)};
  };
  const auto fits = [&](const Proposal& p) {
    return (budget.tokens == 0.0 || p.tokens <= budget.tokens) && p.percent >= budget.percent;
  };

  std::vector<Proposal> found;
  /// The largest n in low..high whose setting fits: larger n keeps more.
  const auto search = [&](const char* method, index_t low, index_t high, auto&& setting_of) {
    if (low > high || !fits(proposal(method, setting_of(low)))) return;
    while (low < high) {
      const index_t middle = high - (high - low) / 2;
      if (fits(proposal(method, setting_of(middle)))) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    found.push_back(proposal(method, setting_of(low)));
  };
  search("VisionZip", 1, per_crop, [](index_t n) {
    const index_t contextual = n * 3 / 20;
    return Setting{.reduction = {.zip = {n - contextual, contextual, ZipLayout::crop_major}, .drops = {}}};
  });
  if (plain.layers >= 4) {
    search("PyramidDrop", 0, 1000, [&](index_t thousandths) {
      const double lambda = static_cast<double>(thousandths) / 1000.0;
      return Setting{.reduction = {.zip = ZipSettings::off(),
                                   .drops = DropSchedule::even_pyramid(plain.layers, 4, lambda)}};
    });
  }
  if (plain.layers > 2) {
    search("FastV", 0, all, [](index_t n) {
      Setting s = presets::fast_v();
      s.reduction.drops.keep[0] = Keep::exactly(n);
      return s;
    });
  }
  return found;
}

}  // namespace reduce
}  // namespace proxyv::inline v0
