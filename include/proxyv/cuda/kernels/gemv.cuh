// Products of up to gemv_rows rows: which kernel, how many blocks. See gemv_ring.cuh and gemv_direct.cuh.
#pragma once

#include <algorithm>

#include "proxyv/cuda/kernels/gemv_direct.cuh"
#include "proxyv/cuda/kernels/gemv_ring.cuh"

namespace proxyv::inline v0 {
namespace cuda::kernels {

/// Shared memory a block may ask for: the static arrays, rounded up by the compiler to 1 KiB, need some too.
inline std::size_t gemv_shared_limit(int arch) { return shared_memory_limit(arch) - 2 * 1024; }

template <class T>
bool gemv_whole(const Product<T>& job) {
  bool whole = job.x.cols % wide<T> == 0 && rows_wide(job.gain, 1, 0) &&
               rows_wide(job.x.data, job.x.rows, job.x.stride);
  for (int i = 0; i < 3; ++i) whole = whole && (job.n[i] == 0 || rows_wide(job.w[i], 1, 0));
  return whole;
}

/// The job on rows [begin, begin + count) of x. A head's rows of keys and values follow each other likewise.
template <class T>
Product<T> gemv_part(Product<T> job, std::int64_t begin, std::int64_t count) {
  job.x.data += begin * job.x.stride;
  job.x.rows = count;
  for (int i = 0; i < 3; ++i)
    if (job.y[i] != nullptr) job.y[i] += begin * job.y_stride[i];
  if (job.rotary != nullptr) job.rotary += begin * job.rotary_stride;
  return job;
}

/// Launches with as much shared memory as is asked for. The kernel may have the most there is, always the same:
/// its limit belongs to the process, and another thread's smaller one must not come before this launch.
template <class... Parameters, class... Arguments>
cudaError_t gemv_launch(const Where& where, std::int64_t blocks, std::size_t shared,
                        void (*kernel)(Parameters...), const Arguments&... arguments) {
  constexpr std::size_t given = 48 * 1024;  // what every block may have without asking
  if (shared > given) {
    const cudaError_t status = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                    static_cast<int>(gemv_shared_limit(where.arch)));
    if (status != cudaSuccess) return status;
  }
  return launch(where, dim3(static_cast<unsigned>(blocks)), gemv_threads, shared, kernel, arguments...);
}

/// One block a multiprocessor. `least`: shared memory that a block takes in any case.
template <class T, int M>
cudaError_t gemv_ring(const Product<T>& job, int stages, std::size_t least, const Where& where) {
  const std::int64_t tasks = gemv_tasks(job);
  const std::int64_t blocks = std::min(ceil_div(tasks, gemv_warps), std::int64_t{where.multiprocessors});
  return gemv_launch(where, blocks, std::max(ring_bytes<T>(stages, M, job.x.cols), least),
                     gemv_ring_kernel<T, M>, job, static_cast<int>(tasks), stages);
}

template <class T, int M, int Flight, bool Whole>
cudaError_t gemv_direct(const Product<T>& job, int blocks_per_multiprocessor, const Where& where) {
  const std::int64_t tasks = gemv_tasks(job);
  const std::int64_t blocks =
      std::min<std::int64_t>(ceil_div(tasks, gemv_warps), where.multiprocessors * blocks_per_multiprocessor);
  const std::int64_t packs = ceil_div(job.x.cols, std::int64_t{wide<T>});
  const bool whole_x = job.x.cols % wide<T> == 0 && rows_wide(job.x.data, job.x.rows, job.x.stride) &&
                       rows_wide(job.gain, 1, 0);
  return gemv_launch(where, blocks, static_cast<std::size_t>(M * packs * 16),
                     gemv_direct_kernel<T, M, Flight, Whole>, job, static_cast<int>(tasks), whole_x);
}

/// Blocks of two kernels share a multiprocessor while one ends and the next begins, but two blocks of one
/// kernel must not while another multiprocessor has none: early blocks would find the places that a
/// neighbour has left first (measured: a fifth of a decode step lost). So plain products take more than half
/// of the shared memory, the others, which follow and precede them in a decoder, less.
template <class T>
std::size_t ring_least(const Product<T>& job) {
  return job.kind == JobKind::store ? 116 * 1024 : 0;
}
template <class T>
int ring_stages(const Product<T>& job, int m, const Where& where) {
  int stages = job.kind == JobKind::store ? 3 : 2;
  while (stages > 0 && ring_bytes<T>(stages, m, job.x.cols) > gemv_shared_limit(where.arch)) --stages;
  return stages;
}

/// At most M rows, all of them in one launch.
template <class T, int M>
cudaError_t gemv_some(const Product<T>& job, const Where& where) {
  if constexpr (sizeof(T) == 2) {
    const int stages = ring_stages(job, M, where);
    if (where.arch >= 90 && stages >= 2)
      return gemv_ring<T, M>(job, stages, std::min(ring_least(job), gemv_shared_limit(where.arch)), where);
  }
  return gemv_direct<T, M, 4, true>(job, 4, where);
}

/// Shared memory that M rows of x need in the direct kernel.
template <class T>
std::size_t gemv_staged_bytes(std::int64_t m, std::int64_t k) {
  return static_cast<std::size_t>(m * ceil_div(k, std::int64_t{wide<T>}) * 16);
}

}  // namespace cuda::kernels

namespace cuda {

/// Any alignment and stride; one row of x must fit into shared memory.
template <class T>
bool gemv_fits(const Product<T>& job, const Where& where) {
  if (where.arch < 80 || job.x.rows < 1 || job.x.rows > gemv_rows || job.x.cols < 1 || job.x.cols > (1 << 20))
    return false;
  if (kernels::gemv_tasks(job) > INT32_MAX / 2) return false;
  if (job.kind == JobKind::swiglu && job.n[0] != job.n[1]) return false;
  if (job.kind == JobKind::heads &&
      (job.head_dim < 2 || job.head_dim % 2 != 0 || job.n[0] % job.head_dim != 0 ||
       job.n[1] % job.head_dim != 0 || (job.rotary == nullptr && job.n[0] + job.n[1] > 0)))
    return false;
  return kernels::gemv_staged_bytes<T>(1, job.x.cols) <= kernels::gemv_shared_limit(where.arch);
}

template <class T>
cudaError_t gemv(const Product<T>& job, const Where& where) {
  using namespace kernels;
  if (gemv_tasks(job) == 0) return cudaSuccess;
  const bool whole = gemv_whole(job);
  // Rows of x that one launch takes: four, two or one. What is not aligned takes them one by one.
  std::int64_t most = whole ? gemv_rows : 1;
  while (most > 1 && gemv_staged_bytes<T>(most, job.x.cols) > gemv_shared_limit(where.arch)) most /= 2;
  for (std::int64_t begin = 0; begin < job.x.rows; begin += most) {
    const std::int64_t count = std::min(most, job.x.rows - begin);
    const Product<T> part = gemv_part(job, begin, count);
    const cudaError_t status = !whole      ? gemv_direct<T, 1, 1, false>(part, 4, where)
                               : count > 2 ? gemv_some<T, 4>(part, where)
                               : count > 1 ? gemv_some<T, 2>(part, where)
                                           : gemv_some<T, 1>(part, where);
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

}  // namespace cuda
}  // namespace proxyv::inline v0
