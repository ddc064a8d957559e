// How the plain kernels are launched: a grid over work items, with or without overlap with the kernel before.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>

#include "proxyv/cuda/kernels/element.cuh"
#include "proxyv/cuda/launch.hpp"

namespace proxyv::inline v0 {
namespace cuda::kernels {

/// Every kernel of ours calls this before it touches memory that others write: with overlap, the kernel
/// before may still be running.
__device__ inline void wait_for_previous() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// The next kernel may begin to start.
__device__ inline void let_next_begin() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/// Most shared memory one block may have, in bytes, static arrays included.
constexpr std::size_t shared_memory_limit(int arch) {
  if (arch == 80 || arch == 87) return 163 * 1024;
  return arch >= 90 && arch < 120 ? 227 * 1024 : 99 * 1024;
}

/// The kernel runs where a multiprocessor's memory serves as shared memory as far as it can. All kernels of ours do:
/// a multiprocessor changes the division only when it is empty, so a kernel that wants another than its
/// predecessor's cannot overlap with it, and comes to lie on the few that are free first.
template <class Kernel>
cudaError_t share_most(Kernel* kernel) {
  return cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributePreferredSharedMemoryCarveout,
                              cudaSharedmemCarveoutMaxShared);
}

/// Launches kernel(args...); a grid of no blocks is no launch.
template <class... Parameters, class... Args>
cudaError_t launch(const Where& where, dim3 blocks, int threads, std::size_t shared, void (*kernel)(Parameters...), Args&&... args) {
  if (blocks.x == 0 || blocks.y == 0 || blocks.z == 0) return cudaSuccess;
  const cudaError_t status = share_most(kernel);
  if (status != cudaSuccess) return status;
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared;
  config.stream = where.stream;
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  config.attrs = &attribute;
  config.numAttrs = where.overlap && where.arch >= 90 ? 1 : 0;
  return cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(args)...);
}

/// Blocks of `threads` for `items`, at most a few waves: the kernels loop.
inline dim3 blocks_for(std::int64_t items, int threads, const Where& where) {
  const std::int64_t most = std::int64_t{where.multiprocessors} * 16;
  return dim3(static_cast<unsigned>(std::min(ceil_div(items, threads), most)));
}

/// The loop that goes with blocks_for.
template <class F>
__device__ inline void for_each_item(std::int64_t items, F f) {
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < items; i += std::int64_t{gridDim.x} * blockDim.x) f(i);
}

/// A block of pack_threads for every row and run of packs: row and pack of a thread come without a division.
inline constexpr int pack_threads = 128;
inline dim3 blocks_for_packs(std::int64_t rows, std::int64_t packs) {
  return dim3(static_cast<unsigned>(ceil_div(packs, pack_threads)), static_cast<unsigned>(std::min<std::int64_t>(rows, 65535)));
}
/// The loop that goes with blocks_for_packs: f(row, pack).
template <class F>
__device__ inline void for_each_pack(std::int64_t rows, std::int64_t packs, F f) {
  const std::int64_t pack = std::int64_t{blockIdx.x} * pack_threads + threadIdx.x;
  if (pack >= packs) return;
  for (std::int64_t row = blockIdx.y; row < rows; row += gridDim.y) f(row, pack);
}

/// Whether rows of x can be moved 16 bytes at a time.
template <class T>
bool in_sixteens(const Rows<T>& x) {
  constexpr auto size = static_cast<std::int64_t>(sizeof(T));
  return reinterpret_cast<std::uintptr_t>(x.data) % 16 == 0 && x.cols * size % 16 == 0 && x.stride * size % 16 == 0;
}

/// Calls f with an integral constant: how many elements go in one access, 16 bytes' worth or one.
template <class T, class F>
cudaError_t with_width(bool sixteens, F f) {
  if (sixteens) return f(std::integral_constant<int, 16 / static_cast<int>(sizeof(T))>{});
  return f(std::integral_constant<int, 1>{});
}

/// The integer that moves N elements of T as one: without it the compiler moves a pack of 16-bit elements one by one.
template <std::size_t Bytes>
struct WordOf {
  using type = uint4;
};
template <>
struct WordOf<4> {
  using type = std::uint32_t;
};
template <>
struct WordOf<2> {
  using type = std::uint16_t;
};

template <class T, int N>
__device__ inline Pack<T, N> load_pack(const T* p) {
  using Word = typename WordOf<sizeof(T) * N>::type;
  const Word word = *reinterpret_cast<const Word*>(p);
  Pack<T, N> v;
  memcpy(&v, &word, sizeof v);
  return v;
}
template <class T, int N>
__device__ inline void store_pack(T* p, const Pack<T, N>& v) {
  typename WordOf<sizeof(T) * N>::type word;
  memcpy(&word, &v, sizeof v);
  *reinterpret_cast<decltype(word)*>(p) = word;
}

}  // namespace cuda::kernels
}  // namespace proxyv::inline v0
