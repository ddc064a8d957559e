// The ops of the CPU engine as EigenBackend calls them, shapes checked: declarations only.
//
// Their bodies, and the kernels below, are most of what the engine costs to compile. They are members of a
// class template, so that the language itself offers two ways: by default the bodies come with the headers
// (bodies.hpp), and each file makes those that it uses. Where PROXYV_CPU_KERNELS_APART is defined they do
// not, and a file of their own, proxyv/eigen/kernels.cpp, is compiled once and linked. It is one template
// either way: a program may mix files of both kinds.
#pragma once

#include "proxyv/backend/epilogue.hpp"
#include "proxyv/backend/grid.hpp"
#include "proxyv/backend/mask.hpp"
#include "proxyv/backend/rotary.hpp"
#include "proxyv/eigen/scratch.hpp"
#include "proxyv/eigen/threads.hpp"

namespace proxyv::inline v0 {
namespace detail {

/// `DefinedIn` has one value. It is there for the linker's message where kernels.cpp is missing.
template <class DefinedIn>
struct CpuOps {
  using In = View<const float>;
  using Out = View<float>;
  using Ids = Span<const std::int32_t>;

  // levels.hpp
  static bool has(CpuLevel level);
  static const CpuKernels& kernels(CpuLevel level);

  // products.hpp, gate.hpp
  static void pack_weight(const CpuKernels& k, const Weight<>& w, const Weight<>& packed, std::byte* to,
                          Team team);
  static void gemm(In x, const Weight<>& w, Out y, const Epilogue<float, HostSpace>& e,
                   const Scratch* scratch, Team team);
  static void product(In x, In z, Out y, float beta, const Scratch* scratch, Team team);
  static void swiglu(In x, const Weight<>& gate, const Weight<>& up, Out y, const Scratch* scratch,
                     Team team);

  // attention.hpp, attention_weights.hpp
  static void attention(In q, Out o, const HostAttention& args, const Scratch* scratch, Team team);
  static void attention_weights(const CpuKernels& k, In q, const HostAttention& args, Out weights, Team team);

  // norm.hpp, softmax.hpp, rope.hpp
  static void rms_norm(const CpuKernels& k, In x, Span<const float> gain, Out y, float eps, Team team);
  static void layer_norm(const CpuKernels& k, In x, Span<const float> gain, Span<const float> bias, Out y,
                         float eps, Team team);
  static void softmax_rows(const CpuKernels& k, In x, Out y, float scale, View<const std::uint8_t> table,
                           EmptyRow empty, Team team);
  static void rotary_table(Ids positions, const Rotary& rotary, Out table, Team team);
  static void rotate(const CpuKernels& k, Out x, In table, Team team);

  // proxy.hpp, gather.hpp
  static void bilinear_pool(In x, Out y, const Grid& grid, Team team);
  static void upsample(In x, Out y, const Grid& grid, Team team);
  static void embed(const Weight<>& table, Ids ids, Out y, Team team);
  static void gather(In x, Ids ids, Out y, Team team);

  /// Makes the OpenMP runtime start its threads now rather than in the first op.
  static void start_threads(const Team& team);
};

struct eigen_kernels_cpp;
using Ops = CpuOps<eigen_kernels_cpp>;

#if defined(PROXYV_CPU_KERNELS_APART)
extern template struct CpuOps<eigen_kernels_cpp>;
#endif

}  // namespace detail
}  // namespace proxyv::inline v0
