// Variants: the decoders that `proxyv bench` can measure, ours and yours.
#pragma once

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
  /// Model: a Decoder over B and RuntimeConfig whose stacks are of dynamic size; its second stack begins at
  /// the start layer that is swept. has_start: whether it has one.
  template <class Model>
  Variants& add(std::string name, std::string about, bool has_start = true) {
    for (const Entry& e : entries_)
      PROXYV_CHECK(e.info.name != name, pv::ArgumentError, "Variants: there is a variant \"", name,
                   "\" already");
    entries_.push_back({{std::move(name), std::move(about), has_start, Model::uses_proxies},
                        [](Measure<B>& m, const Case& c) { return m.template run<Model>(c); }});
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

template <class B>
Variants<B> standard_variants() {
  Variants<B> v;
  v.template add<pv::PlainDecoder<B>>("plain", "every token through every layer", false);
  v.template add<pv::ProxyDecoder<B>>("proxyv", "ProxyV with spatial proxies");
  v.template add<pv::LearnedProxyDecoder<B>>("learned", "ProxyV with learned proxies");
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
