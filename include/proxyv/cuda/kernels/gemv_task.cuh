// The unit of work of a one-row product: two rows of weights, and what becomes of their two sums.
//
// Two rows a warp because SwiGLU and the rotation need two sums at once; the plain product takes
// neighbours. Independent of how the rows reach the arithmetic units (gemv_ring.cuh, gemv_direct.cuh).
#pragma once

#include "proxyv/cuda/kernels/bulk.cuh"
#include "proxyv/cuda/kernels/element.cuh"
#include "proxyv/cuda/kernels/launch.cuh"
#include "proxyv/cuda/kernels/row_sum.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels {

inline constexpr int gemv_warps = 8;
inline constexpr int gemv_threads = 32 * gemv_warps;
static_assert(gemv_threads == row_lanes);

template <class T>
__host__ __device__ inline std::int64_t gemv_tasks(const Product<T>& job) {
  switch (job.kind) {
    case JobKind::store: return ceil_div(job.n[0], 2);
    case JobKind::swiglu: return job.n[0];
    case JobKind::heads: break;
  }
  return job.n[0] / 2 + job.n[1] / 2 + ceil_div(job.n[2], 2);
}

/// Rows column[0] of w[part[0]] and column[1] of w[part[1]]. A missing second row repeats the first.
struct GemvTask {
  int part[2];
  int column[2];
  bool rotated;

  template <class T>
  __device__ const T* row(const Product<T>& job, int which) const {
    return job.w[part[which]] + column[which] * job.x.cols;
  }
};

template <class T>
__device__ inline GemvTask gemv_task(const Product<T>& job, int t) {
  if (job.kind == JobKind::swiglu) return {{0, 1}, {t, t}, false};
  int part = 0;
  if (job.kind == JobKind::heads) {
    for (; part < 2; ++part) {
      const int pairs = static_cast<int>(job.n[part] / 2);
      if (t < pairs) {
        const int half = static_cast<int>(job.head_dim / 2), head = t / half;
        const int column = 2 * half * head + t % half;
        return {{part, part}, {column, column + half}, true};
      }
      t -= pairs;
    }
  }
  const int last = static_cast<int>(job.n[part]) - 1;
  return {{part, part}, {2 * t, 2 * t < last ? 2 * t + 1 : last}, false};
}

/// What a task's end needs from memory; asked for before the weights are multiplied.
struct GemvEnd {
  float bias[2] = {}, old[2] = {};
  float cosine = 1.f, sine = 0.f;
  int row = 0;
};

/// For row i of x.
template <class T>
__device__ inline GemvEnd gemv_end(const Product<T>& job, const GemvTask& task, int i) {
  GemvEnd end;
  end.row = i;
  if (job.kind == JobKind::swiglu) return end;
  const int part = task.part[0];
#pragma unroll
  for (int h = 0; h < 2; ++h)
    if (job.bias[part] != nullptr) end.bias[h] = as_float(job.bias[part][task.column[h]]);
  if (job.kind == JobKind::store) {
    if (job.beta != 0.f) {
#pragma unroll
      for (int h = 0; h < 2; ++h) end.old[h] = as_float(job.y[0][i * job.y_stride[0] + task.column[h]]);
    }
    return end;
  }
  if (part > 0 && job.row != nullptr) end.row += *job.row;
  if (task.rotated) {
    const int half = static_cast<int>(job.head_dim / 2), j = task.column[0] % static_cast<int>(job.head_dim);
    end.cosine = job.rotary[i * job.rotary_stride + j];
    end.sine = job.rotary[i * job.rotary_stride + half + j];
  }
  return end;
}

__device__ inline float gemv_activate(Act act, float x) {
  switch (act) {
    case Act::silu: return x / (1.f + expf(-x));
    case Act::gelu: return 0.5f * x * (1.f + erff(x * 0.70710678118654752f));
    case Act::quick_gelu: return x / (1.f + expf(-1.702f * x));
    case Act::none: break;
  }
  return x;
}

/// Writes the outputs of one task for the row of x that `end` was made for.
template <class T>
__device__ inline void gemv_finish(const Product<T>& job, const GemvTask& task, const GemvEnd& end,
                                   float first, float second) {
  if (job.kind == JobKind::swiglu) {
    const float gate = first / (1.f + expf(-first));
    job.y[0][end.row * job.y_stride[0] + task.column[0]] = as_element<T>(gate * second);
    return;
  }
  const int part = task.part[0];
  float a = first + end.bias[0], b = second + end.bias[1];
  if (job.kind == JobKind::store) {
    a = gemv_activate(job.act, a + end.old[0]);
    b = gemv_activate(job.act, b + end.old[1]);
  } else if (task.rotated) {
    const float turned = a * end.cosine - b * end.sine;
    b = b * end.cosine + a * end.sine;
    a = turned;
  }
  T* y = job.y[part] + end.row * job.y_stride[part];
  y[task.column[0]] = as_element<T>(a);
  if (task.column[1] != task.column[0]) y[task.column[1]] = as_element<T>(b);
}

/// Packs a thread asks for before it uses the first.
inline constexpr int stage_flight = 4;

/// Brings x into shared memory, [M, packs] with zeros for what is missing, normalised when the job says so.
/// Ends with a barrier. meanwhile() runs once the first loads are on their way: what it asks of the memory
/// must not come before them.
template <class T, int M, class F>
__device__ inline void gemv_stage(const Product<T>& job, uint4* staged, int packs, bool whole,
                                  float (&slots)[M][row_warps], F&& meanwhile) {
  const int cols = static_cast<int>(job.x.cols), mine = static_cast<int>(threadIdx.x);
  const bool normed = job.gain != nullptr;
  const auto each_in_flight = [&](int base, auto&& work) {
#pragma unroll
    for (int f = 0; f < stage_flight; ++f)
      if (const int p = base + f * gemv_threads; p < packs) work(p, f);
  };
  uint4 gain[stage_flight];
  float squares[M] = {};
  if (mine >= packs) meanwhile();
  for (int base = mine; base < packs; base += stage_flight * gemv_threads) {
    uint4 words[M][stage_flight];
#pragma unroll
    for (int i = 0; i < M; ++i)
      each_in_flight(base, [&](int p, int f) {
        words[i][f] = i < job.x.rows ? load_wide(job.x.data + i * job.x.stride, p, cols, whole) : uint4{};
      });
    if (normed && base == mine)
      each_in_flight(base, [&](int p, int f) { gain[f] = load_wide(job.gain, p, cols, whole); });
    if (base == mine) meanwhile();
#pragma unroll
    for (int i = 0; i < M; ++i)
      each_in_flight(base, [&](int p, int f) {
        squares[i] = add_squares<T>(squares[i], words[i][f]);
        staged[i * packs + p] = words[i][f];
      });
  }
  if (normed) {
    float scale[M];
#pragma unroll
    for (int i = 0; i < M; ++i) scale[i] = norm_scale(lanes_sum(squares[i], slots[i]), cols, job.eps);
    for (int base = mine; base < packs; base += stage_flight * gemv_threads) {
      each_in_flight(base, [&](int p, int f) {
        Floats<T> g, x;
        unpack_wide<T>(base == mine ? gain[f] : load_wide(job.gain, p, cols, whole), g);
#pragma unroll
        for (int i = 0; i < M; ++i) {
          unpack_wide<T>(staged[i * packs + p], x);
#pragma unroll
          for (int e = 0; e < wide<T>; ++e) x[e] = x[e] * scale[i] * g[e];
          staged[i * packs + p] = pack_wide<T>(x);
        }
      });
    }
  }
  __syncthreads();
}

/// Adds the product of one pack of weights and one of x: a chain of its own, so that packs overlap.
template <class T>
__device__ inline float add_product(float sum, const Floats<T>& w, const Floats<T>& x) {
  float part = w[0] * x[0];
#pragma unroll
  for (int e = 1; e < wide<T>; ++e) part = fmaf(w[e], x[e], part);
  return sum + part;
}

/// Two sums for each of M rows, from one pack of each weight row.
template <class T, int M>
__device__ inline void add_packs(float (&sums)[M][2], const uint4& first, const uint4& second,
                                 const uint4* staged, int packs) {
  Floats<T> a, b;
  unpack_wide<T>(first, a);
  unpack_wide<T>(second, b);
#pragma unroll
  for (int i = 0; i < M; ++i) {
    Floats<T> x;
    unpack_wide<T>(staged[i * packs], x);
    sums[i][0] = add_product<T>(sums[i][0], a, x);
    sums[i][1] = add_product<T>(sums[i][1], b, x);
  }
}

/// Sums the warp's lanes and lets lane i finish row i.
template <class T, int M>
__device__ inline void gemv_close(const Product<T>& job, const GemvTask& task, const GemvEnd& end,
                                  float (&sums)[M][2], int lane) {
  float first = 0.f, second = 0.f;
#pragma unroll
  for (int i = 0; i < M; ++i) {
    const float a = sum_of_warp(sums[i][0]), b = sum_of_warp(sums[i][1]);
    if (lane == i) {
      first = a;
      second = b;
    }
  }
  if (lane < M && lane < job.x.rows) gemv_finish(job, task, end, first, second);
}

}  // namespace cuda::kernels
}  // namespace proxyv::inline v0
