// Variants: the decoders that `proxyv bench` can measure, ours and yours.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "measure.hpp"

namespace bench {

/// The decoders of one engine B. A new one is one call: variants.add<MyDecoder>("mine", "what is new about
/// it").
template <class B>
class Variants {
 public:
  struct Options {
    bool has_start = true;    ///< it has a start layer to sweep: Cfg::proxy_start
    index_t first_start = 0;  ///< the earliest
    Adjust adjust{};          ///< what else to say in the configuration of a case
  };

  /// Model: a Decoder over B and RuntimeConfig whose stacks are of dynamic size; its second stack begins at
  /// the start layer that is swept. Throws ArgumentError for a name that is taken.
  template <class Model>
  Variants& add(std::string name, std::string about, Options options = {}) {
    for (const Entry& e : entries_)
      PROXYV_CHECK(e.info.name != name, pv::ArgumentError, "Variants: there is a variant \"", name,
                   "\" already");
    entries_.push_back(
        {{std::move(name), std::move(about), options.has_start, Model::uses_proxies, options.first_start},
         [adjust = std::move(options.adjust)](Measure<B>& m, const Case& c) {
           return m.template run<Model>(c, adjust);
         }});
    return *this;
  }

  std::vector<VariantInfo> info() const {
    std::vector<VariantInfo> out;
    for (const Entry& e : entries_) out.push_back(e.info);
    return out;
  }
  Result run(Measure<B>& measure, const Case& c) const {
    for (const Entry& e : entries_)
      if (e.info.name == c.variant) return e.run(measure, c);
    PROXYV_CHECK(false, pv::ArgumentError, "Variants: no variant \"", c.variant, "\"");
    return {};
  }

 private:
  struct Entry {
    VariantInfo info;
    std::function<Result(Measure<B>&, const Case&)> run;
  };
  std::vector<Entry> entries_;
};

/// VisionZip as its authors set it for crops of 24 x 24 (191 and 30 tokens), in proportion for others.
inline pv::ZipSettings zip_for(const pv::RuntimeConfig& c) {
  const pv::ZipSettings authors;
  const auto part = [&](index_t of) {
    return std::max<index_t>(1, (of * c.crop_side * c.crop_side + 288) / 576);
  };
  return {part(authors.dominant), part(authors.contextual), pv::ZipLayout::crop_major};
}

/// Ours: plain, ProxyV, the paper's studies, and the reductions of tokens in the encoder and between layers.
template <class B>
Variants<B> standard_variants() {
  Variants<B> v;
  v.template add<pv::PlainDecoder<B>>("plain", "every token through every layer", {.has_start = false});
  v.template add<pv::ProxyDecoder<B>>("proxyv", "ProxyV with spatial proxies");
  v.template add<pv::LearnedProxyDecoder<B>>("learned", "ProxyV with learned proxies");
  const auto study = [&](const char* name, const char* about, pv::Study kind) {
    v.template add<pv::StudyDecoder<B>>(
        name, about, {.adjust = [kind](pv::RuntimeConfig& c, const Case&) { c.study.kind = kind; }});
  };
  study("mask", "vision does not see vision", pv::Study::mask_v2v);
  study("attn-drop", "attention of vision tokens dropped", pv::Study::attn_skip_drop);
  study("attn-keep", "attention of vision tokens skipped, own value kept", pv::Study::attn_skip_keep);
  study("attn-ffn", "attention and FFN of vision tokens skipped", pv::Study::attn_ffn_skip);
  v.template add<pv::StudyDecoder<B>>(
      "light-mlp", "attention and FFN of vision tokens skipped, a light MLP in their place",
      {.adjust = [](pv::RuntimeConfig& c, const Case&) {
        c.study = {.kind = pv::Study::attn_ffn_skip, .light_mlp = true};
        c.update_inner = std::max<index_t>(1, c.hidden / 4);  // the paper's
      }});
  if constexpr (pv::RankOps<B> && pv::MergeOps<B>) {
    v.template add<pv::PlainDecoder<B>>("vision-zip", "VisionZip: 221 of 576 tokens leave the encoder",
                                        {.has_start = false, .adjust = [](pv::RuntimeConfig& c, const Case&) {
                                           c.reduction.zip = zip_for(c);
                                         }});
    v.template add<pv::LearnedProxyDecoder<B>>(
        "zip-learned", "the same, then ProxyV with learned proxies",
        {.adjust = [](pv::RuntimeConfig& c, const Case&) {
          c.reduction.zip = zip_for(c);
          c.crop_proxies = std::max<index_t>(1, c.reduction.zip.tokens() / (c.proxy_factor * c.proxy_factor));
        }});
  }
  if constexpr (pv::RankOps<B>) {
    const auto dropping = [&](const char* name, const char* about, bool has_start, auto&& schedule) {
      v.template add<pv::ReducedDecoder<B>>(
          name, about,
          {.has_start = has_start, .first_start = 1, .adjust = [=](pv::RuntimeConfig& c, const Case& at) {
             c.reduction.drops = schedule(c, at.start_layer);
             c.proxy_start = c.layers;
           }});
    };
    dropping("pyramid-drop", "PyramidDrop in four stages, 0.65 each", false,
             [](const pv::RuntimeConfig& c, index_t) {
               return pv::DropSchedule::even_pyramid(c.layers, std::min<index_t>(4, c.layers), 0.65);
             });
    dropping("fast-v", "FastV, half the vision tokens from the start layer on", true,
             [](const pv::RuntimeConfig&, index_t start) { return pv::DropSchedule::fast_v(start, 0.5); });
  }
  return v;
}

/// An engine with its variants, at work on one workload; the front knows no more of it.
class Runner {
 public:
  Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  virtual ~Runner() = default;

  virtual std::vector<VariantInfo> variants() const = 0;
  virtual Ceilings ceilings(const Workload& workload) = 0;
  /// Makes the weights that the cases share. Before any run().
  virtual void prepare(const Workload& workload, const std::vector<Case>& cases) = 0;
  virtual Result run(const Case& c) = 0;
};

template <class B>
class RunnerOn : public Runner {
 public:
  explicit RunnerOn(Variants<B> variants) : variants_(std::move(variants)) {}

  std::vector<VariantInfo> variants() const override { return variants_.info(); }
  Ceilings ceilings(const Workload& workload) override { return measure_ceilings<B>(workload); }
  void prepare(const Workload& workload, const std::vector<Case>& cases) override {
    measure_ = std::make_unique<Measure<B>>(workload, cases);
  }
  Result run(const Case& c) override {
    PROXYV_CHECK(measure_ != nullptr, pv::ArgumentError, "Runner: prepare() first");
    return variants_.run(*measure_, c);
  }

 private:
  Variants<B> variants_;
  std::unique_ptr<Measure<B>> measure_;
};

}  // namespace bench
