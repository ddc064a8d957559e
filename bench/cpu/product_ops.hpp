// Products: of a prefill with weights in f32 and bf16, of one row with weights that no cache holds, and the
// gated pair of an FFN. Beside them Eigen's own.
#pragma once

#include "bench/cpu/eigen_form.hpp"
#include "bench/cpu/operands.hpp"

namespace cpu_bench {

inline constexpr pv::DType weight_types[] = {pv::DType::f32, pv::DType::bf16};

/// What a product's weight is made of, and how it lies in memory.
struct WeightForm {
  pv::DType type;
  bool packed;

  std::string name() const { return type_name(type) + (packed ? "_packed" : ""); }
};
inline constexpr WeightForm weight_forms[] = {
    {pv::DType::f32, false}, {pv::DType::bf16, false}, {pv::DType::f32, true}, {pv::DType::bf16, true}};

/// Bytes of a product's operands.
inline double product_bytes(const Product& p, pv::DType type) {
  return bytes_of(p.rows * (p.depth + p.cols)) +
         bytes_of(p.depth * p.cols, static_cast<double>(pv::dtype_size(type)));
}

inline void add_gemm(const Settings& s, const std::string& model, const Product& p) {
  const std::string name = "gemm/" + model + "/" + p.name + "/" + p.shape() + "/";
  for (const WeightForm form : weight_forms)
    add(s, name + form.name(), [=](int threads) {
      auto o = std::make_shared<Operands>(threads);
      const auto x = o->tensor(p.rows, p.depth), y = o->tensor(p.rows, p.cols);
      const auto w = o->weight(p.cols, p.depth, form.type, form.packed);
      return on(o, {.flops = p.flops(), .bytes = product_bytes(p, form.type)},
                [=](Engine& be) { be.gemm(x, w, y, {}); });
    });
  for (const Numbers& numbers : all_numbers()) {
    if (!numbers.dots()) continue;
    add(s, name + numbers.name(), [=](int threads) {
      auto o = std::make_shared<Operands>(threads, 0, numbers.precision);
      const auto x = o->tensor(p.rows, p.depth), y = o->tensor(p.rows, p.cols);
      const auto w = o->weight(p.cols, p.depth, numbers.type, true);
      return on(o, {.flops = p.flops(), .bytes = product_bytes(p, numbers.type), .against = Ceiling::dot},
                [=](Engine& be) { be.gemm(x, w, y, {}); });
    });
  }
  add(s, name + "eigen", [=](int threads) {
    auto o = std::make_shared<Operands>(threads);
    const auto x = o->tensor(p.rows, p.depth), y = o->tensor(p.rows, p.cols), w = o->tensor(p.cols, p.depth);
    return on(o, {.flops = p.flops(), .bytes = product_bytes(p, pv::DType::f32)}, [=](Engine& be) {
      Eigen::setNbThreads(be.threads());
      eigen_form::product(x, w, y);
    });
  });
}

/// So many different matrices in turn that none is found in a cache.
inline index_t copies_out_of_cache(const Product& p) {
  return std::max<index_t>(2, (index_t{256} << 20) / (4 * p.depth * p.cols));
}

inline void add_gemv(const Settings& s, const std::string& model, const Product& p) {
  const std::string name = "gemv/" + model + "/" + p.name + "/" + p.shape() + "/";
  const index_t copies = copies_out_of_cache(p);
  for (const WeightForm form : weight_forms)
    add(s, name + form.name(), [=](int threads) {
      auto o = std::make_shared<Operands>(threads);
      const auto x = o->tensor(1, p.depth), y = o->tensor(1, p.cols);
      std::vector<pv::Weight<>> all;
      for (index_t i = 0; i < copies; ++i) all.push_back(o->weight(p.cols, p.depth, form.type, form.packed));
      const Amount amount{.flops = p.flops(), .bytes = product_bytes(p, form.type), .against = Ceiling::read};
      return on(o, amount, [=, next = std::size_t{0}](Engine& be) mutable {
        be.gemm(x, all[next++ % all.size()], y, {});
      });
    });
  add(s, name + "eigen", [=](int threads) {
    auto o = std::make_shared<Operands>(threads);
    const auto x = o->tensor(1, p.depth), y = o->tensor(1, p.cols);
    std::vector<pv::View<float>> all;
    for (index_t i = 0; i < copies; ++i) all.push_back(o->tensor(p.cols, p.depth));
    const Amount amount{
        .flops = p.flops(), .bytes = product_bytes(p, pv::DType::f32), .against = Ceiling::read};
    return on(o, amount, [=, next = std::size_t{0}](Engine& be) mutable {
      Eigen::setNbThreads(be.threads());
      eigen_form::one_row(x, all[next++ % all.size()], y);
    });
  });
}

inline void add_swiglu(const Settings& s, const std::string& model, const Product& p) {
  for (const WeightForm form : weight_forms)
    add(s, "swiglu/" + model + "/" + p.shape() + "/" + form.name(), [=](int threads) {
      auto o = std::make_shared<Operands>(threads);
      const auto x = o->tensor(p.rows, p.depth), y = o->tensor(p.rows, p.cols);
      const auto gate = o->weight(p.cols, p.depth, form.type, form.packed),
                 up = o->weight(p.cols, p.depth, form.type, form.packed);
      const Amount amount{.flops = 2.0 * p.flops(),
                          .bytes = 2.0 * product_bytes(p, form.type) - bytes_of(p.rows * (p.depth + p.cols))};
      return on(o, amount, [=](Engine& be) { be.swiglu(x, gate, up, y); });
    });
}

inline void add_products(const Settings& s) {
  for (const NamedModel& m : models()) {
    for (const Product& p : prefill_products(m.config)) {
      add_gemm(s, m.name, p);
      if (p.name == "gate" || p.name == "few_gate") add_swiglu(s, m.name, p);
    }
    for (const Product& p : decode_products(m.config)) add_gemv(s, m.name, p);
  }
}

}  // namespace cpu_bench
