// Launches products on Hopper's tensor cores: which jobs fit, how they are cut, and in which form they run.
#pragma once

#include <cuda.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "proxyv/cuda/kernels/hopper_products_kernel.cuh"
#include "proxyv/cuda/launch.hpp"

namespace proxyv::inline v0 {
namespace cuda {
namespace kernels::hopper {

/// A kernel form a launch may take, and what it costs in clocks, roughly as measured.
enum class Cut : std::uint8_t { wide, narrow };
struct CutShape {
  int columns;       ///< of a tile
  float step, tile;  ///< clocks of a step along K, and of beginning and finishing a tile
};
inline constexpr CutShape cut_shapes[] = {{256, 1045, 6000}, {128, 720, 3500}};

/// When to split K between the blocks of a cluster. All but `tail` are for tests.
enum class Split : std::uint8_t { tail, none, all };

inline bool aligned(const void* pointer, std::uintptr_t to) {
  return reinterpret_cast<std::uintptr_t>(pointer) % to == 0;
}

template <class T>
bool part_fits(const Product<T>& job, int i) {
  if (job.n[i] == 0) return true;
  return job.n[i] > 0 && job.n[i] % 8 == 0 && job.n[i] < (1 << 30) && aligned(job.w[i], 16) &&
         aligned(job.y[i], 16) && job.y_stride[i] % 8 == 0 && job.y_stride[i] >= job.n[i] &&
         aligned(job.bias[i], 4);
}

template <class T>
bool job_fits(const Product<T>& job) {
  if (job.row != nullptr || job.gain != nullptr) return false;
  if (job.x.cols < 64 || job.x.cols % 8 != 0 || job.x.cols >= (1 << 30) || job.x.rows >= (1 << 30))
    return false;
  if (job.x.stride % 8 != 0 || job.x.stride < job.x.cols || !aligned(job.x.data, 16)) return false;
  if (!part_fits(job, 0)) return false;
  if (job.kind == JobKind::store) return true;
  if (job.kind == JobKind::swiglu) return job.n[0] == job.n[1] && aligned(job.w[1], 16);
  const bool rotates = job.rotary != nullptr;
  if (rotates && job.head_dim != 64 && job.head_dim != 128) return false;
  if (rotates && (!aligned(job.rotary, 16) || job.rotary_stride % 4 != 0 || job.rotary_stride < job.head_dim))
    return false;
  return part_fits(job, 1) && part_fits(job, 2);
}

/// Tensor maps of a launch: x, w and y of every part, and angles.
template <class T>
int maps_of(const Product<T>* jobs, int count) {
  int maps = 0;
  for (int i = 0; i < count; ++i)
    maps += jobs[i].kind == JobKind::heads ? 8 : jobs[i].kind == JobKind::swiglu ? 4 : 3;
  return maps;
}

/// The driver's encoder of tensor maps, without linking the driver.
inline auto map_encoder() {
  static const auto encoder = [] {
    void* entry = nullptr;
    cudaDriverEntryPointQueryResult found{};
    const auto status =
        cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault, &found);
    if (status != cudaSuccess || found != cudaDriverEntryPointSuccess) entry = nullptr;
    return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(entry);
  }();
  return encoder;
}

template <class T>
constexpr CUtensorMapDataType map_type() {
  if constexpr (std::is_same_v<T, float>) return CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  else return std::is_same_v<T, bf16> ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
}

/// A map of row-major [rows, cols] in boxes of box_rows rows of 128 bytes; what lies outside reads as zero.
template <class T>
cudaError_t make_map(CUtensorMap& map, const T* data, std::int64_t rows, std::int64_t cols,
                     std::int64_t stride, int box_rows) {
  const auto encode = map_encoder();
  if (encode == nullptr) return cudaErrorNotSupported;
  const cuuint64_t extents[2] = {static_cast<cuuint64_t>(cols), static_cast<cuuint64_t>(rows)};
  const cuuint64_t strides[1] = {static_cast<cuuint64_t>(stride) * sizeof(T)};
  const cuuint32_t box[2] = {128 / sizeof(T), static_cast<cuuint32_t>(box_rows)};
  const cuuint32_t steps[2] = {1, 1};
  const CUresult status = encode(&map, map_type<T>(), 2, const_cast<T*>(data), extents, strides, box, steps,
                                 CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                                 CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return status == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

/// Appends what jobs need to the work: their maps and their sections.
template <class T>
class Cutter {
 public:
  Cutter(Work& work, const CutShape& shape) : work_(work), shape_(shape) {}

  cudaError_t add(const Product<T>& job) {
    if (job.x.rows == 0) return cudaSuccess;
    const auto x_map = map(job.x.data, job.x.rows, job.x.cols, job.x.stride, half_rows);
    const bool rotates = job.kind == JobKind::heads && job.rotary != nullptr;
    const auto rotary_map =
        rotates ? map(job.rotary, job.x.rows, job.head_dim, job.rotary_stride, half_rows) : std::uint8_t{0};
    for (int part = 0; part < parts_of(job); ++part) {
      if (job.n[part] == 0) continue;
      Section section = section_of(job, part);
      section.x_map = x_map;
      section.rotary_map = rotary_map;
      section.w_map = weights(job, part);
      section.up_map = job.kind == JobKind::swiglu ? weights(job, 1) : section.w_map;
      section.y_map = map(job.y[part], job.x.rows, job.n[part], job.y_stride[part], half_rows);
      section.first = work_.pairs;
      work_.pairs += pairs_of(section.row_tiles, section.column_tiles);
      work_.sections[work_.section_count++] = section;
    }
    return status_;
  }

  static int parts_of(const Product<T>& job) { return job.kind == JobKind::heads ? 3 : 1; }

 private:
  template <class E>
  std::uint8_t map(const E* data, std::int64_t rows, std::int64_t cols, std::int64_t stride, int box_rows) {
    const cudaError_t status = make_map(work_.maps[maps_], data, rows, cols, stride, box_rows);
    if (status_ == cudaSuccess) status_ = status;
    return static_cast<std::uint8_t>(maps_++);
  }
  std::uint8_t weights(const Product<T>& job, int part) {
    return map(job.w[part], job.n[part], job.x.cols, job.x.cols, shape_.columns / 2);
  }

  Section section_of(const Product<T>& job, int part) const {
    Section section;
    const bool gated = job.kind == JobKind::swiglu;
    section.columns = static_cast<int>(job.n[part]);
    section.row_tiles = static_cast<int>(ceil_div(job.x.rows, tile_rows));
    section.column_tiles =
        static_cast<int>(ceil_div(job.n[part], gated ? shape_.columns / 2 : shape_.columns));
    section.steps = static_cast<int>(ceil_div(job.x.cols, tile_depth));
    section.bias = gated ? nullptr : job.bias[part];
    if (gated) section.finish = Finish::swiglu;
    if (job.kind == JobKind::store) {
      section.act = job.act;
      section.add = job.beta != 0.f;
    }
    if (job.kind == JobKind::heads && part < 2 && job.rotary != nullptr) {
      section.finish = Finish::rotate;
      section.head_dim = static_cast<std::uint8_t>(job.head_dim);
    }
    return section;
  }

  Work& work_;
  const CutShape& shape_;
  int maps_ = 0;
  cudaError_t status_ = cudaSuccess;
};

/// How many pairs stay whole: all, or all but those of a last turn that leaves half of the clusters without
/// work. A split half must be longer than the ring, or the two blocks' signals for one tile might meet those
/// for the next.
inline int whole_pairs(int pairs, int clusters, std::int64_t least_depth, Split split) {
  if (least_depth < 12 * tile_depth || split == Split::none) return pairs;
  if (split == Split::all) return 0;
  const int rest = pairs % clusters;
  return 2 * rest <= clusters ? pairs - rest : pairs;
}

template <class T>
std::int64_t least_depth(const Product<T>* const* jobs, int count) {
  std::int64_t least = jobs[0]->x.cols;
  for (int i = 1; i < count; ++i) least = std::min(least, jobs[i]->x.cols);
  return least;
}

/// Clocks until the first cluster, which gets the longest tiles, is done.
template <class T>
float estimate(const Product<T>* const* jobs, int count, const CutShape& shape, int clusters) {
  int pairs = 0;
  float clocks = 0;
  for (int i = 0; i < count; ++i) {
    const Product<T>& job = *jobs[i];
    const int rows = static_cast<int>(ceil_div(job.x.rows, tile_rows));
    const int columns = job.kind == JobKind::swiglu ? shape.columns / 2 : shape.columns;
    const float tile = static_cast<float>(ceil_div(job.x.cols, tile_depth)) * shape.step + shape.tile;
    const int turns = (pairs + clusters - 1) / clusters;
    for (int part = 0; part < Cutter<T>::parts_of(job); ++part)
      pairs += pairs_of(rows, static_cast<int>(ceil_div(job.n[part], columns)));
    clocks += static_cast<float>((pairs + clusters - 1) / clusters - turns) * tile;
    const bool last = i + 1 == count;
    if (last && whole_pairs(pairs, clusters, least_depth(jobs, count), Split::tail) < pairs)
      clocks -= (tile - shape.tile) / 2 - shape.tile;
  }
  return clocks;
}

template <class T>
Cut best_cut(const Product<T>* const* jobs, int count, int clusters) {
  const auto clocks = [&](Cut cut) {
    return estimate(jobs, count, cut_shapes[static_cast<int>(cut)], clusters);
  };
  return clocks(Cut::narrow) < clocks(Cut::wide) ? Cut::narrow : Cut::wide;
}

template <class F>
cudaError_t launch_form(const Work& work, int clusters, const Where& where) {
  const auto kernel = products_kernel<F>;
  cudaError_t status =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, F::shared_bytes);
  if (status == cudaSuccess) status = share_most(kernel);
  if (status != cudaSuccess) return status;
  cudaLaunchAttribute attributes[2] = {};
  attributes[0].id = cudaLaunchAttributeClusterDimension;
  attributes[0].val.clusterDim = {cluster_blocks, 1, 1};
  attributes[1].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[1].val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  const int busy = std::min(clusters, items_of(work.pairs, work.whole));
  config.gridDim = dim3(static_cast<unsigned>(busy * cluster_blocks));
  config.blockDim = dim3(F::threads);
  config.dynamicSmemBytes = F::shared_bytes;
  config.stream = where.stream;
  config.attrs = attributes;
  config.numAttrs = where.overlap ? 2 : 1;
  return cudaLaunchKernelEx(&config, kernel, work);
}

/// All jobs in one launch, cut and split as told.
template <class T>
cudaError_t products_cut(const Product<T>* const* jobs, int count, const Where& where, Cut cut, Split split) {
  Work work;
  Cutter<T> cutter(work, cut_shapes[static_cast<int>(cut)]);
  for (int i = 0; i < count; ++i) {
    const cudaError_t status = cutter.add(*jobs[i]);
    if (status != cudaSuccess) return status;
  }
  if (work.pairs == 0) return cudaSuccess;
  const int clusters = std::max(1, where.multiprocessors / cluster_blocks);
  work.whole = whole_pairs(work.pairs, clusters, least_depth(jobs, count), split);
  if (cut == Cut::wide) return launch_form<Form<T, 256, 4>>(work, clusters, where);
  return launch_form<Form<T, 128, 6>>(work, clusters, where);
}

}  // namespace kernels::hopper

template <class T>
bool hopper_products_fit(const Product<T>* jobs, int count, const Where& where) {
  if constexpr (std::is_same_v<T, float>) {
    return false;
  } else {
    if (where.arch / 10 != 9 || count < 1 || count > kernels::hopper::max_jobs) return false;
    if (kernels::hopper::maps_of(jobs, count) > kernels::hopper::max_maps) return false;
    return std::all_of(jobs, jobs + count, [](const auto& job) { return kernels::hopper::job_fits(job); });
  }
}

template <class T>
cudaError_t hopper_products(const Product<T>* jobs, int count, const Where& where) {
  if constexpr (std::is_same_v<T, float>) {
    return cudaErrorNotSupported;
  } else {
    using namespace kernels::hopper;
    const Product<T>* order[max_jobs];  // long tiles first; sorted in place, as std::stable_sort allocates
    for (int i = 0; i < count; ++i) {
      int at = i;
      for (; at > 0 && order[at - 1]->x.cols < jobs[i].x.cols; --at) order[at] = order[at - 1];
      order[at] = jobs + i;
    }
    const int clusters = std::max(1, where.multiprocessors / cluster_blocks);
    return products_cut(order, count, where, best_cut(order, count, clusters), Split::tail);
  }
}

}  // namespace cuda
}  // namespace proxyv::inline v0
