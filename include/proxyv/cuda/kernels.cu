// The one file nvcc must see: every kernel's launcher, for float, f16 and bf16. Compile it once per program.
//
//   nvcc -std=c++20 -O3 -Iinclude -gencode=arch=compute_90a,code=sm_90a -c include/proxyv/cuda/kernels.cu
//
// Compile it with hidden symbols in a shared library: two libraries of one process may then carry kernels for
// different cards.
#include "proxyv/cuda/kernels/attention.cuh"
#include "proxyv/cuda/kernels/gate.cuh"
#include "proxyv/cuda/kernels/gemv.cuh"
#include "proxyv/cuda/kernels/hopper_products.cuh"
#include "proxyv/cuda/kernels/merge.cuh"
#include "proxyv/cuda/kernels/norm.cuh"
#include "proxyv/cuda/kernels/pool.cuh"
#include "proxyv/cuda/kernels/product.cuh"
#include "proxyv/cuda/kernels/rank.cuh"
#include "proxyv/cuda/kernels/rope.cuh"
#include "proxyv/cuda/kernels/rows.cuh"
#include "proxyv/cuda/kernels/sample.cuh"
#include "proxyv/cuda/kernels/softmax.cuh"
#include "proxyv/cuda/kernels/step.cuh"

namespace proxyv::inline v0 {
namespace cuda {

#define PROXYV_INSTANTIATE(T)                                                                                                                   \
  template bool hopper_products_fit<T>(const Product<T>*, int, const Where&);                                                                   \
  template cudaError_t hopper_products<T>(const Product<T>*, int, const Where&);                                                                \
  template bool gemv_fits<T>(const Product<T>&, const Where&);                                                                                  \
  template cudaError_t gemv<T>(const Product<T>&, const Where&);                                                                                \
  template cudaError_t attention<T>(const AttentionJob<T>&, const Where&);                                                                      \
  template cudaError_t attentions<T>(const AttentionJob<T>*, int, const Where&);                                                                 \
  template cudaError_t attention_weights<T>(const AttentionJob<T>&, Rows<float>, const Where&);                                                 \
  template cudaError_t head_mean<T>(Rows<const T>, int, Rows<float>, const Where&);                                                             \
  template cudaError_t add_group_means<T>(Rows<const T>, const std::int32_t*, const std::int32_t*, const std::int32_t*, std::int64_t, Rows<T>, const Where&);\
  template cudaError_t general_product<T>(Rows<const T>, const void*, DType, Rows<T>, const T*, float, Act, const Where&);                      \
  template cudaError_t general_product<T>(Rows<const T>, Rows<const T>, Rows<T>, float, const Where&);                                          \
  template cudaError_t activate_rows<T>(Rows<T>, Act, const Where&);                                                                            \
  template cudaError_t silu_mul<T>(Rows<const T>, Rows<const T>, Rows<T>, const Where&);                                                        \
  template cudaError_t rms_norm<T>(Rows<const T>, const T*, Rows<T>, float, const Where&);                                                      \
  template cudaError_t layer_norm<T>(Rows<const T>, const T*, const T*, Rows<T>, float, const Where&);                                          \
  template cudaError_t add_rms_norm<T>(Rows<T>, Rows<const T>, const T*, Rows<T>, float, const Where&);                                         \
  template cudaError_t add_layer_norm<T>(Rows<T>, Rows<const T>, const T*, const T*, Rows<T>, float, const Where&);                             \
  template cudaError_t rms_norm_twice<T>(Rows<T>, const T*, float, const T*, float, Rows<T>, const Where&);                                     \
  template cudaError_t rotate<T>(Rows<T>, Rows<const float>, const Where&);                                                                     \
  template cudaError_t bilinear_pool<T>(Rows<const T>, Rows<T>, const Grid&, const Where&);                                                     \
  template cudaError_t upsample<T>(Rows<const T>, Rows<T>, const Grid&, const Where&);                                                          \
  template cudaError_t silu_add_upsampled<T>(Rows<const T>, Rows<T>, const Grid&, const Where&);                                                \
  template cudaError_t softmax_rows<T>(Rows<const T>, Rows<T>, float, Rows<const std::uint8_t>, EmptyRow, const Where&);                        \
  template cudaError_t gather_rows<T>(Rows<const T>, const std::int32_t*, Rows<T>, const Where&);                                               \
  template cudaError_t scatter_rows<T>(Rows<const T>, const std::int32_t*, Rows<T>, const Where&);                                              \
  template cudaError_t spread_rows<T>(Rows<const T>, T* const*, const Where&);                                                                  \
  template cudaError_t embed_rows<T>(const void*, DType, const std::int32_t*, Rows<T>, const Where&);                                           \
  template cudaError_t copy_rows<T>(Rows<const T>, Rows<T>, const Where&);                                                                      \
  template cudaError_t import_rows<T>(const void*, DType, Rows<T>, const Where&);                                                               \
  template cudaError_t export_rows<T>(Rows<const T>, float*, const Where&);                                                                     \
  template cudaError_t fill_uniform<T>(T*, std::int64_t, std::uint64_t, float, float, const Where&);                                            \
  template cudaError_t sample<T>(Rows<const T>, const Sampling&, std::uint64_t, const std::int32_t*, std::int32_t*, void*, const Where&)

PROXYV_INSTANTIATE(float);
PROXYV_INSTANTIATE(f16);
PROXYV_INSTANTIATE(bf16);
#undef PROXYV_INSTANTIATE

// Functions that are no templates: their addresses make the compiler keep them, on the host's side.
#ifndef __CUDA_ARCH__
[[gnu::used]] static std::size_t (*const kept_attention_scratch)(const Where&) = attention_scratch_bytes;
[[gnu::used]] static std::size_t (*const kept_sample_scratch)(std::int64_t) = sample_scratch_bytes;
[[gnu::used]] static cudaError_t (*const kept_rotary_table)(const std::int32_t*, std::int64_t, const Rotary&, Rows<float>, const Where&) = rotary_table;
[[gnu::used]] static cudaError_t (*const kept_advance)(std::int32_t*, int, const Where&) = advance;
[[gnu::used]] static cudaError_t (*const kept_sum_rows)(Rows<const float>, float, float*, const Where&) = sum_rows;
[[gnu::used]] static cudaError_t (*const kept_keep_top)(const float*, std::int64_t, std::int64_t, std::int64_t, std::int32_t, std::int32_t*, std::int32_t*,
                                                        const Where&) = keep_top;
[[gnu::used]] static cudaError_t (*const kept_renumber)(const std::int32_t*, std::int64_t, std::int32_t*, const Where&) = renumber;
[[gnu::used]] static cudaError_t (*const kept_pick)(const std::int32_t*, const std::int32_t*, std::int64_t, std::int32_t*, const Where&) = pick;
[[gnu::used]] static cudaError_t (*const kept_hide_others)(const std::int32_t*, std::int64_t, const std::int32_t*, std::int64_t, std::int32_t*,
                                                           const Where&) = hide_others;
[[gnu::used]] static cudaError_t (*const kept_group_rest)(Rows<const float>, const std::int32_t*, std::int64_t, std::int32_t*, std::int64_t, std::int32_t*,
                                                          std::int64_t, std::int32_t*, const Where&) = group_rest;
#endif

}  // namespace cuda
}  // namespace proxyv::inline v0
