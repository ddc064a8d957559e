// What a benchmark of one op stands on: an engine, and tensors made for it that live as long as it does.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/cpu/measure.hpp"
#include "proxyv/backend/packed.hpp"
#include "proxyv/eigen/backend.hpp"

namespace cpu_bench {

using Engine = pv::EigenBackend;

/// Numbers in [-0.5, 0.5), cheap to make.
template <class T>
void fill_noise(T* to, index_t n, float scale = 1.f) {
  std::uint32_t state = 1;
  for (index_t i = 0; i < n; ++i) {
    state = state * 1664525u + 1013904223u;
    to[i] = pv::from_float<T>((static_cast<float>(state >> 8) * 0x1p-24f - 0.5f) * scale);
  }
}

inline std::string type_name(pv::DType type) { return std::string(pv::dtype_name(type)); }

/// Which numbers a product multiplies: the weights' element type, and the engine's precision.
struct Numbers {
  pv::DType type;
  pv::Precision precision;

  Numbers(pv::DType weights, pv::Precision asked = pv::Precision::f32) : type(weights), precision(asked) {}

  bool dots() const { return precision == pv::Precision::bf16_products; }
  std::string name() const { return dots() ? "bf16_dot" : type_name(type); }
  Ceiling peak() const { return dots() ? Ceiling::dot : Ceiling::fma; }
};

/// f32, bf16, and bf16 dot products where the engine has them.
inline std::vector<Numbers> all_numbers() {
  std::vector<Numbers> all{pv::DType::f32, pv::DType::bf16};
  if (pv::default_cpu_level() == pv::CpuLevel::avx512bf16)
    all.emplace_back(pv::DType::bf16, pv::Precision::bf16_products);
  return all;
}

class Operands {
  template <class T>
  T* made(index_t n, float scale) {
    auto memory = std::make_shared<pv::Buffer<T>>(be.template alloc<T>(n));
    fill_noise(memory->data(), n, scale);
    T* const data = memory->data();
    kept_.push_back(std::move(memory));
    return data;
  }

 public:
  explicit Operands(int threads, std::size_t workspace = std::size_t{16} << 20,
                    pv::Precision precision = pv::Precision::f32)
      : be({.threads = threads, .workspace_bytes = workspace}, pv::default_cpu_level(), precision) {}

  pv::View<float> tensor(index_t rows, index_t cols, float scale = 1.f) {
    return {made<float>(rows * cols, scale), rows, cols};
  }
  /// In rows as a checkpoint has it, or in the engine's panels as a model does once it is loaded.
  pv::Weight<> weight(index_t rows, index_t cols, pv::DType type, bool packed = false) {
    const float scale = 2.f / std::sqrt(static_cast<float>(cols));
    const auto w = pv::with_dtype(type, [&]<class T>(T) -> pv::Weight<> {
      return {made<T>(rows * cols, scale), type, rows, cols};
    });
    if (!packed) return w;
    const std::size_t rows_at = kept_.size() - 1;
    const auto panels = pv::packed_weight<Engine>(be, w, [&](pv::Buffer<std::byte> memory) {
      auto kept = std::make_shared<pv::Buffer<std::byte>>(std::move(memory));
      kept_.push_back(kept);
      return kept->data();
    });
    kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(rows_at));
    return panels;
  }
  pv::Span<const float> gain(index_t n) { return {made<float>(n, 1.f), n}; }
  pv::Span<const std::int32_t> numbers(std::vector<std::int32_t> n) {
    numbers_.push_back(std::move(n));
    return {numbers_.back().data(), static_cast<index_t>(numbers_.back().size())};
  }
  pv::Span<const std::int32_t> copied(pv::Span<const std::int32_t> n) {
    return numbers({n.begin(), n.end()});
  }
  pv::Span<const std::int32_t> counting(index_t n, index_t first = 0) {
    std::vector<std::int32_t> out;
    for (index_t i = 0; i < n; ++i) out.push_back(static_cast<std::int32_t>(first + i));
    return numbers(std::move(out));
  }
  pv::Table<Engine> rotary(pv::Span<const std::int32_t> positions, index_t head_dim) {
    const auto table = tensor(positions.size(), head_dim);
    be.rotary_table(positions, {head_dim, 10000.0}, table);
    return table;
  }

  Engine be;

 private:
  std::vector<std::shared_ptr<void>> kept_;
  std::vector<std::vector<std::int32_t>> numbers_;
};

/// Operands and what is done with them, for add().
template <class Work>
std::pair<Amount, Call> on(std::shared_ptr<Operands> operands, const Amount& amount, Work work) {
  return {amount,
          timed([operands = std::move(operands), work = std::move(work)]() mutable { work(operands->be); })};
}

inline double bytes_of(index_t elements, double size = sizeof(float)) {
  return static_cast<double>(elements) * size;
}

}  // namespace cpu_bench
