// Products on cuBLASLt: one plan per shape, from the library's heuristic or measured, kept for the engine's life.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proxyv/core/dtype.hpp"
#include "proxyv/cuda/launch.hpp"
#include "proxyv/cuda/memory.hpp"
#include "proxyv/cuda/stream.hpp"

namespace proxyv::inline v0 {
namespace cuda {

/// What a plan depends on: y [m, n] = x [m, k] w^T + bias + beta y, or x z with z [k, n] when `plain`.
struct ProductShape {
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t x_stride = 0, w_stride = 0, y_stride = 0;
  DType type = DType::f32;
  bool plain = false, beta = false, bias = false;
  std::uint8_t alignment = 16;  ///< largest power of two up to 16 that divides every address, in bytes

  friend bool operator==(const ProductShape&, const ProductShape&) = default;

  struct Hash {
    std::size_t operator()(const ProductShape& s) const {
      std::size_t h = 0;
      for (const std::int64_t v : {s.m, s.n, s.k, s.x_stride, s.w_stride, s.y_stride, static_cast<std::int64_t>(s.type),
                                   std::int64_t{s.plain} + 2 * std::int64_t{s.beta} + 4 * std::int64_t{s.bias}, std::int64_t{s.alignment}})
        h = h * 0x9e3779b97f4a7c15u + std::hash<std::int64_t>{}(v) + 1;
      return h;
    }
  };
};

/// How a shape is computed.
struct ProductPlan {
  enum class Path : std::uint8_t {
    none,    ///< cuBLASLt has nothing for it
    blaslt,  ///< by `algorithm`
    own,     ///< by this library's kernel
  };
  Path path = Path::none;
  bool measured = false;  ///< against others, rather than suggested
  cublasLtMatmulAlgo_t algorithm{};
};

/// Operands of one product.
template <class T>
struct ProductOperands {
  const T* x = nullptr;
  const T* w = nullptr;
  T* y = nullptr;
  const T* bias = nullptr;
};

class Products {
 public:
  static constexpr std::size_t workspace_bytes = std::size_t{1} << 25;
  using Plans = std::unordered_map<ProductShape, ProductPlan, ProductShape::Hash>;

  /// Allocates cuBLASLt's workspace.
  Products() : workspace_(device_buffer<std::byte>(static_cast<index_t>(workspace_bytes))) {
    check(cublasLtCreate(&handle_), "cublasLtCreate", "Products");
  }
  Products(Products&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), workspace_(std::move(other.workspace_)), plans_(std::move(other.plans_)) {}
  Products& operator=(Products&& other) noexcept {
    std::swap(handle_, other.handle_);
    workspace_.swap(other.workspace_);
    plans_.swap(other.plans_);
    return *this;
  }
  ~Products() {
    if (handle_ != nullptr) static_cast<void>(cublasLtDestroy(handle_));
  }

  Plans& plans() { return plans_; }
  const Plans& plans() const { return plans_; }

  template <class T>
  static ProductShape shape(const Rows<const T>& x, std::int64_t w_stride, const Rows<T>& y, const ProductOperands<T>& at, bool plain, bool beta) {
    return {y.rows, y.cols, x.cols, x.stride, w_stride, y.stride, dtype_of<T>, plain, beta, at.bias != nullptr, alignment(at)};
  }

  /// The plan of a shape; asks cuBLASLt the first time it comes.
  const ProductPlan& plan(const ProductShape& shape) {
    const auto found = plans_.find(shape);
    if (found != plans_.end()) return found->second;
    ProductPlan made;
    const auto best = candidates(shape, 1);
    if (!best.empty()) made = {ProductPlan::Path::blaslt, false, best.front()};
    return plans_.emplace(shape, made).first->second;
  }

  /// Enqueues the product by a cuBLASLt algorithm.
  template <class T>
  void run(const ProductShape& shape, const cublasLtMatmulAlgo_t& algorithm, const ProductOperands<T>& at, cudaStream_t stream) {
    Descriptors d(shape);
    if (at.bias != nullptr) d.set_bias(at.bias);
    const float one = 1.f, beta = shape.beta ? 1.f : 0.f;
    check(cublasLtMatmul(handle_, &d.operation, &one, at.w, &d.w, at.x, &d.x, &beta, at.y, &d.y, at.y, &d.y, &algorithm, workspace_.data(),
                         workspace_bytes, stream),
          "cublasLtMatmul", "gemm");
  }

  /// cuBLASLt's first `most` suggestions.
  std::vector<cublasLtMatmulAlgo_t> candidates(const ProductShape& shape, int most) {
    if (!expressible(shape)) return {};
    Descriptors d(shape);
    if (shape.bias) d.set_bias(reinterpret_cast<const void*>(std::uintptr_t{shape.alignment}));
    Preference preference(shape.alignment);
    std::vector<cublasLtMatmulHeuristicResult_t> results(static_cast<std::size_t>(most));
    int found = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(handle_, &d.operation, &d.w, &d.x, &d.y, &d.y, preference.get(), most, results.data(), &found);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) return {};
    check(status, "cublasLtMatmulAlgoGetHeuristic", "gemm");
    std::vector<cublasLtMatmulAlgo_t> out;
    for (int i = 0; i < found; ++i)
      if (results[static_cast<std::size_t>(i)].state == CUBLAS_STATUS_SUCCESS) out.push_back(results[static_cast<std::size_t>(i)].algo);
    return out;
  }

 private:
  static cudaDataType_t data_type(DType type) { return type == DType::f32 ? CUDA_R_32F : type == DType::f16 ? CUDA_R_16F : CUDA_R_16BF; }

  template <class T>
  static std::uint8_t alignment(const ProductOperands<T>& at) {
    std::uintptr_t all = 16;
    for (const void* p : {static_cast<const void*>(at.x), static_cast<const void*>(at.w), static_cast<const void*>(at.y), static_cast<const void*>(at.bias)})
      all |= reinterpret_cast<std::uintptr_t>(p);
    return static_cast<std::uint8_t>(std::uintptr_t{1} << std::countr_zero(all));
  }

  /// cuBLASLt wants sizes of 32 bits, no empty dimension, and 16-bit rows that begin at multiples of 4 bytes or more.
  static bool expressible(const ProductShape& s) {
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    return s.m > 0 && s.n > 0 && s.k > 0 && s.m <= most && s.n <= most && s.k <= most && s.x_stride <= most && s.y_stride <= most &&
           s.w_stride <= most && s.alignment >= 4;
  }

  /// cuBLASLt thinks in columns: y^T [n, m] = w [n, k] x^T [k, m].
  struct Descriptors {
    cublasLtMatmulDescOpaque_t operation{};
    cublasLtMatrixLayoutOpaque_t w{}, x{}, y{};

    explicit Descriptors(const ProductShape& s) {
      const cudaDataType_t type = data_type(s.type);
      check(cublasLtMatmulDescInit(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescInit", "gemm");
      const cublasOperation_t turn = s.plain ? CUBLAS_OP_N : CUBLAS_OP_T;
      set(CUBLASLT_MATMUL_DESC_TRANSA, turn);
      const auto m = static_cast<std::uint64_t>(s.m), n = static_cast<std::uint64_t>(s.n), k = static_cast<std::uint64_t>(s.k);
      check(cublasLtMatrixLayoutInit(&w, type, s.plain ? n : k, s.plain ? k : n, s.w_stride), "cublasLtMatrixLayoutInit", "gemm");
      check(cublasLtMatrixLayoutInit(&x, type, k, m, s.x_stride), "cublasLtMatrixLayoutInit", "gemm");
      check(cublasLtMatrixLayoutInit(&y, type, n, m, s.y_stride), "cublasLtMatrixLayoutInit", "gemm");
    }
    void set_bias(const void* bias) {
      set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
      set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    }

   private:
    template <class V>
    void set(cublasLtMatmulDescAttributes_t attribute, const V& value) {
      check(cublasLtMatmulDescSetAttribute(&operation, attribute, &value, sizeof value), "cublasLtMatmulDescSetAttribute", "gemm");
    }
  };

  class Preference {
   public:
    explicit Preference(std::uint32_t alignment) {
      check(cublasLtMatmulPreferenceCreate(&preference_), "cublasLtMatmulPreferenceCreate", "gemm");
      set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
      // Sums through memory in an order that is not fixed would give other bits from run to run.
      set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
          std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE} | std::uint32_t{CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE});
      for (const auto attribute : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                                   CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
        set(attribute, alignment);
    }
    Preference(const Preference&) = delete;
    Preference& operator=(const Preference&) = delete;
    ~Preference() { static_cast<void>(cublasLtMatmulPreferenceDestroy(preference_)); }
    cublasLtMatmulPreference_t get() const { return preference_; }

   private:
    template <class V>
    void set(cublasLtMatmulPreferenceAttributes_t attribute, const V& value) {
      check(cublasLtMatmulPreferenceSetAttribute(preference_, attribute, &value, sizeof value), "cublasLtMatmulPreferenceSetAttribute", "gemm");
    }
    cublasLtMatmulPreference_t preference_ = nullptr;
  };

  cublasLtHandle_t handle_ = nullptr;
  Buffer<std::byte, DeviceSpace> workspace_;
  Plans plans_;
};

}  // namespace cuda
}  // namespace proxyv::inline v0
