// The kernels as host code sees them: one declared launcher per kernel, typed by element.
//
// This header needs the CUDA runtime's types and no nvcc. The bodies live in kernels/*.cuh and are
// instantiated once per program, for float, bf16 and f16, by kernels.cu. A launcher enqueues and returns
// the launch's status; it never allocates and never waits. Shapes were checked by the caller.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "proxyv/backend/epilogue.hpp"
#include "proxyv/backend/grid.hpp"
#include "proxyv/backend/mask.hpp"
#include "proxyv/backend/rotary.hpp"
#include "proxyv/backend/sampling.hpp"
#include "proxyv/core/dtype.hpp"

namespace proxyv::inline v0 {
namespace cuda {

/// Where a kernel goes, and what the card is.
struct Where {
  cudaStream_t stream = nullptr;
  int multiprocessors = 1;
  int arch = 80;               ///< compute capability, 10 * major + minor
  bool overlap = false;        ///< let a kernel begin while the one before it ends (programmatic dependent launch)
};

/// A matrix in device memory: unit column stride, rows `stride` elements apart.
template <class T>
struct Rows {
  T* data = nullptr;
  std::int64_t rows = 0, cols = 0, stride = 0;
};

/// What becomes of a product.
enum class JobKind : std::uint8_t {
  store,   ///< y0 = act(x w0^T + bias0 + beta y0)
  swiglu,  ///< y0 = silu(x w0^T) * (x w1^T); n[0] == n[1]
  heads,   ///< y_i = x w_i^T + bias_i, i = 0 queries, 1 keys, 2 values; 0 and 1 then rotated. n[i] may be 0
};

/// One product with what is fused to it. Weights are [n, k] without gaps, of the element type.
/// y_i never overlaps x or w. All pointers are device memory.
template <class T>
struct Product {
  JobKind kind = JobKind::store;
  Rows<const T> x{};                       ///< [m, k]
  const T* w[3] = {};                      ///< [n[i], k]
  std::int64_t n[3] = {};
  const T* bias[3] = {};                   ///< [n[i]] or null
  T* y[3] = {};                            ///< [m, n[i]]
  std::int64_t y_stride[3] = {};
  float beta = 0.f;                        ///< 0 or 1; store only
  Act act = Act::none;                     ///< store only
  const float* rotary = nullptr;           ///< [m, head_dim] cosines, then sines; heads only
  std::int64_t rotary_stride = 0;
  std::int64_t head_dim = 0;               ///< heads only
  const std::int32_t* row = nullptr;       ///< heads only: y1 and y2 begin at row row[0] (device memory); null: at row 0
  const T* gain = nullptr;                 ///< gemv only: x is first RMS-normalised with this gain; null: x as it is
  float eps = 0.f;
};

/// Products that do not depend on each other, in one launch on Hopper's tensor cores (sm_90a).
template <class T>
bool hopper_products_fit(const Product<T>* jobs, int count, const Where& where);
template <class T>
cudaError_t hopper_products(const Product<T>* jobs, int count, const Where& where);

/// One product of very few rows (m <= gemv_rows), bound by the weights' bandwidth.
inline constexpr std::int64_t gemv_rows = 4;
template <class T>
bool gemv_fits(const Product<T>& job, const Where& where);
template <class T>
cudaError_t gemv(const Product<T>& job, const Where& where);

/// Keys and values of one rule of visibility; see KeySegment.
template <class T>
struct DeviceSegment {
  const T* keys = nullptr;
  const T* values = nullptr;
  std::int64_t key_stride = 0, value_stride = 0;
  std::int32_t rows = 0;                     ///< keys; with `live` the most there can be
  Visible visible = Visible::all;
  const std::int32_t* positions = nullptr;   ///< [rows], causal only
  const std::uint8_t* table = nullptr;       ///< [queries, rows], table only
  std::int64_t table_stride = 0;
  const std::int32_t* live = nullptr;        ///< device memory: only keys [0, live[0]) count; null: all rows
  bool settled = false;                   ///< all live keys but the last were written before the launch before this one
};

/// One attention: o = softmax(q k^T / sqrt(head_dim)) v over the visible keys.
template <class T>
struct AttentionJob {
  Rows<const T> q{};
  Rows<T> o{};
  int heads = 0, kv_heads = 0, head_dim = 0;
  const std::int32_t* query_positions = nullptr;  ///< [queries], when a segment is causal
  int segments = 0;
  DeviceSegment<T> segment[4] = {};
  EmptyRow empty = EmptyRow::zero;
  void* scratch = nullptr;                        ///< attention_scratch_bytes, zeroed once at start-up
};

/// Scratch that serves every attention on this card; kernels leave its counters at zero.
std::size_t attention_scratch_bytes(const Where& where);
template <class T>
cudaError_t attention(const AttentionJob<T>& job, const Where& where);
/// Up to two attentions that do not depend on each other, in one launch where their shapes allow it.
template <class T>
cudaError_t attentions(const AttentionJob<T>* jobs, int count, const Where& where);

/// weights [queries * heads, keys]: what an attention weighs its keys with; job.o and its values are not looked at.
template <class T>
cudaError_t attention_weights(const AttentionJob<T>& job, Rows<float> weights, const Where& where);
/// The other ops of RankOps; flags [n] scratch. `which` null: y = x.
cudaError_t sum_rows(Rows<const float> x, float scale, float* y, const Where& where);
cudaError_t keep_top(const float* scores, std::int64_t n, std::int64_t always, std::int64_t k, std::int32_t base, std::int32_t* flags,
                     std::int32_t* kept, const Where& where);
cudaError_t renumber(const std::int32_t* x, std::int64_t n, std::int32_t* y, const Where& where);
cudaError_t pick(const std::int32_t* x, const std::int32_t* which, std::int64_t n, std::int32_t* y, const Where& where);
cudaError_t hide_others(const std::int32_t* x, std::int64_t n, const std::int32_t* kept, std::int64_t k, std::int32_t* y, const Where& where);
/// MergeOps.
template <class T>
cudaError_t head_mean(Rows<const T> x, int heads, Rows<float> y, const Where& where);
cudaError_t group_rest(Rows<const float> metric, const std::int32_t* kept, std::int64_t kept_count, std::int32_t* targets, std::int64_t count,
                       std::int32_t* merged, std::int64_t merged_count, std::int32_t* to, const Where& where);
template <class T>
cudaError_t add_group_means(Rows<const T> x, const std::int32_t* targets, const std::int32_t* merged, const std::int32_t* to, std::int64_t merged_count,
                            Rows<T> y, const Where& where);

/// y = act(x w^T + bias + beta y) and y = x z + beta y for any type of weight, any alignment: the plain path.
/// w: [y.cols, x.cols] of `type` without gaps. z: [x.cols, y.cols]. bias: [y.cols] or null.
template <class T>
cudaError_t general_product(Rows<const T> x, const void* w, DType type, Rows<T> y, const T* bias, float beta, Act act, const Where& where);
template <class T>
cudaError_t general_product(Rows<const T> x, Rows<const T> z, Rows<T> y, float beta, const Where& where);

/// y = act(y), and y = silu(gate) * up; y may be gate or up.
template <class T>
cudaError_t activate_rows(Rows<T> y, Act act, const Where& where);
template <class T>
cudaError_t silu_mul(Rows<const T> gate, Rows<const T> up, Rows<T> y, const Where& where);

/// y = rms_norm(x) * gain, y = layer_norm(x) * gain + bias; y may be x.
template <class T>
cudaError_t rms_norm(Rows<const T> x, const T* gain, Rows<T> y, float eps, const Where& where);
template <class T>
cudaError_t layer_norm(Rows<const T> x, const T* gain, const T* bias, Rows<T> y, float eps, const Where& where);
/// x += delta, y = norm(x).
template <class T>
cudaError_t add_rms_norm(Rows<T> x, Rows<const T> delta, const T* gain, Rows<T> y, float eps, const Where& where);
template <class T>
cudaError_t add_layer_norm(Rows<T> x, Rows<const T> delta, const T* gain, const T* bias, Rows<T> y, float eps, const Where& where);
/// x = norm1(x), y = norm2(x).
template <class T>
cudaError_t rms_norm_twice(Rows<T> x, const T* gain1, float eps1, const T* gain2, float eps2, Rows<T> y, const Where& where);

/// table [n, head_dim]: cosines, then sines. rotate turns whole heads of x in place.
cudaError_t rotary_table(const std::int32_t* positions, std::int64_t n, const Rotary& rotary, Rows<float> table, const Where& where);
template <class T>
cudaError_t rotate(Rows<T> x, Rows<const float> table, const Where& where);

/// Pooling of crops, its opposite, and mixed = silu(mixed + context copied to its blocks).
template <class T>
cudaError_t bilinear_pool(Rows<const T> x, Rows<T> y, const Grid& grid, const Where& where);
template <class T>
cudaError_t upsample(Rows<const T> x, Rows<T> y, const Grid& grid, const Where& where);
template <class T>
cudaError_t silu_add_upsampled(Rows<const T> context, Rows<T> mixed, const Grid& grid, const Where& where);

/// y = softmax(scale * x) per row over the entries whose byte in table is not 0; table.data null: all.
template <class T>
cudaError_t softmax_rows(Rows<const T> x, Rows<T> y, float scale, Rows<const std::uint8_t> table, EmptyRow empty, const Where& where);

/// y[i] = x[ids[i]], y[ids[i]] = x[i], y[i] = table[ids[i]] with a table of any type, rows without gaps.
template <class T>
cudaError_t gather_rows(Rows<const T> x, const std::int32_t* ids, Rows<T> y, const Where& where);
template <class T>
cudaError_t scatter_rows(Rows<const T> x, const std::int32_t* ids, Rows<T> y, const Where& where);
/// Row i of x, which has at most most_row_targets, to to[i] (device memory; the array is the host's).
inline constexpr std::int64_t most_row_targets = 64;
template <class T>
cudaError_t spread_rows(Rows<const T> x, T* const* to, const Where& where);
template <class T>
cudaError_t embed_rows(const void* table, DType type, const std::int32_t* ids, Rows<T> y, const Where& where);
/// Adds one to each of n numbers.
cudaError_t advance(std::int32_t* numbers, int n, const Where& where);

/// Copies, and copies that convert: from `type` to T, and from T to float without gaps.
template <class T>
cudaError_t copy_rows(Rows<const T> x, Rows<T> y, const Where& where);
template <class T>
cudaError_t import_rows(const void* x, DType type, Rows<T> y, const Where& where);
template <class T>
cudaError_t export_rows(Rows<const T> x, float* y, const Where& where);
/// y[i] = centre + width * (uniform(key, i) - 0.5): the numbers that host code draws (backend/sampling.hpp).
template <class T>
cudaError_t fill_uniform(T* y, std::int64_t n, std::uint64_t key, float width, float centre, const Where& where);

/// next[0] = the token that sample_token (backend/sampling.hpp) chooses, for the step device_step[0], or `step`
/// when that is null. scratch: sample_scratch_bytes, zeroed once at start-up.
std::size_t sample_scratch_bytes(std::int64_t vocab);
template <class T>
cudaError_t sample(Rows<const T> logits, const Sampling& how, std::uint64_t step, const std::int32_t* device_step, std::int32_t* next,
                   void* scratch, const Where& where);

}  // namespace cuda
}  // namespace proxyv::inline v0
