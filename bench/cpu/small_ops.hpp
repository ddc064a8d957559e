// What stands between the products: norms, rotation, pooling, rows looked up; and the vision update as a
// whole.
#pragma once

#include "bench/cpu/product_ops.hpp"
#include "proxyv/proxy/vision_update.hpp"

namespace cpu_bench {

/// Ops that read and write each number once or so: held against reading memory.
inline Amount moves(index_t read, index_t written) {
  return {.bytes = bytes_of(read + written), .against = Ceiling::read};
}

inline void add_row_ops(const Settings& s, const std::string& model, const pv::RuntimeConfig& c) {
  const index_t rows = layout_for({pv::tokens_per_crop(c), 0}).rows(), d = c.hidden;
  const std::string shape = "/" + std::to_string(rows) + "x" + std::to_string(d);
  add(s, "op/rms_norm/" + model + shape, [=](int threads) {
    auto o = std::make_shared<Operands>(threads);
    const auto x = o->tensor(rows, d), y = o->tensor(rows, d);
    const auto gain = o->gain(d);
    return on(o, moves(x.size(), y.size()), [=](Engine& be) { be.rms_norm(x, gain, y, 1e-5f); });
  });
  add(s, "op/layer_norm/" + model + shape, [=](int threads) {
    auto o = std::make_shared<Operands>(threads);
    const auto x = o->tensor(rows, d), y = o->tensor(rows, d);
    const auto gain = o->gain(d), bias = o->gain(d);
    return on(o, moves(x.size(), y.size()), [=](Engine& be) { be.layer_norm(x, gain, bias, y, 1e-5f); });
  });
  add(s, "op/rotate/" + model + shape, [=](int threads) {
    auto o = std::make_shared<Operands>(threads);
    const auto x = o->tensor(rows, c.heads * c.head_dim);
    const auto table = o->rotary(o->counting(rows), c.head_dim);
    return on(o, moves(x.size() + table.size(), x.size()), [=](Engine& be) { be.rotate(x, table); });
  });
  add(s, "op/rotary_table/" + model + "/" + std::to_string(rows) + "x" + std::to_string(c.head_dim),
      [=](int threads) {
        auto o = std::make_shared<Operands>(threads);
        const auto table = o->tensor(rows, c.head_dim);
        const auto positions = o->counting(rows);
        return on(o, moves(0, table.size()), [=](Engine& be) {
          be.rotary_table(positions, {c.head_dim, 10000.0}, table);
        });
      });
  add(s, "op/embed/" + model + shape, [=](int threads) {
    auto o = std::make_shared<Operands>(threads);
    const auto y = o->tensor(rows, d);
    const auto table = o->weight(rows, d, pv::DType::bf16);
    const auto ids = o->counting(rows);
    Amount amount = moves(0, y.size());
    amount.bytes += bytes_of(y.size(), 2.0);
    return on(o, amount, [=](Engine& be) { be.embed(table, ids, y); });
  });
}

inline void add_proxy_ops(const Settings& s, const std::string& model, const pv::RuntimeConfig& c) {
  const pv::Grid grid{.crops = crops, .side = c.crop_side, .factor = c.proxy_factor};
  const index_t full = grid.full_rows(), few = grid.pooled_rows();
  add(s, "op/bilinear_pool/" + model, [=](int threads) {
    auto o = std::make_shared<Operands>(threads);
    const auto x = o->tensor(full, c.hidden), y = o->tensor(few, c.hidden);
    // An even factor averages the inner 2 x 2 of a block: a quarter of what a block of 4 x 4 holds.
    return on(o, moves(4 * y.size(), y.size()), [=](Engine& be) { be.bilinear_pool(x, y, grid); });
  });
  add(s, "op/upsample/" + model, [=](int threads) {
    auto o = std::make_shared<Operands>(threads);
    const auto x = o->tensor(few, c.update_inner), y = o->tensor(full, c.update_inner);
    return on(o, moves(x.size(), y.size()), [=](Engine& be) { be.upsample(x, y, grid); });
  });
  add(s, "op/softmax_rows/" + model, [=](int threads) {
    auto o = std::make_shared<Operands>(threads);
    const auto x = o->tensor(full, grid.crop_proxies()), y = o->tensor(full, grid.crop_proxies());
    return on(o, moves(x.size(), y.size()),
              [=](Engine& be) { be.softmax_rows(x, y, 1.f, {}, pv::EmptyRow::zero); });
  });
}

/// What the counting engine says of an update: it counts the code that is measured.
template <class Update>
pv::Cost update_cost(const Update& update, const pv::View<float>& full, const pv::View<float>& few,
                     const pv::View<float>& splat, const pv::Grid& grid, bool folded) {
  pv::PlanBackend<Engine> plan;
  update(plan, full, few, splat, grid, folded);
  return plan.cost();
}

template <template <class, class> class Update>
void add_update(const Settings& s, const std::string& name, const pv::RuntimeConfig& c, pv::DType type,
                bool folded) {
  using U = Update<Engine, pv::RuntimeConfig>;
  add(s, "update/" + name + (folded ? "_folded/" : "_plain/") + type_name(type), [=](int threads) {
    const pv::Grid grid{.crops = crops, .side = c.crop_side, .factor = c.proxy_factor};
    const index_t full_rows = grid.full_rows(), few_rows = grid.pooled_rows(), h = c.update_inner,
                  d = c.hidden;
    const auto scratch =
        static_cast<std::size_t>(bytes_of(full_rows * (4 * h + 2 * d))) + (std::size_t{1} << 20);
    auto o = std::make_shared<Operands>(threads, scratch);
    const auto full = o->tensor(full_rows, d), few = o->tensor(few_rows, d);
    const auto splat = U::learned ? o->tensor(full_rows, grid.crop_proxies()) : pv::View<float>();
    auto update = std::make_shared<U>(
        typename U::Weights{o->weight(h, d, type, true), o->weight(h, d, type, true),
                            o->weight(h, 2 * h, type, true), o->weight(d, h, type, true), o->gain(d)},
        c.norm_eps);
    update->fold(o->be);
    const pv::Cost cost = update_cost(*update, full, few, splat, grid, folded);
    return on(o, {.flops = cost.flops(), .bytes = cost.bytes, .tokens = static_cast<double>(full_rows)},
              [=](Engine& be) { (*update)(be, full, few, splat, grid, folded); });
  });
}

inline void add_small_ops(const Settings& s) {
  for (const char* name : {"medium", "vicuna-7b", "tiny"}) {
    const pv::RuntimeConfig c = model(name);
    add_row_ops(s, name, c);
    add_proxy_ops(s, name, c);
    for (const pv::DType type : weight_types)
      for (const bool folded : {false, true}) {
        add_update<pv::VisionUpdate>(s, std::string(name) + "/spatial", c, type, folded);
        add_update<pv::SplatUpdate>(s, std::string(name) + "/learned", c, type, folded);
      }
  }
}

}  // namespace cpu_bench
